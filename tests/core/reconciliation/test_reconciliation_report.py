"""Both sides brought together: places, meters, days and their neighbours."""

from collections import defaultdict
from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.money import parse_amount
from metering.core.deployments.served_by import ServedBy
from metering.core.reconciliation import billed_usage, own_usage
from metering.core.reconciliation.billed_usage import BilledUsage
from metering.core.reconciliation.cost_row import (
    ONE,
    CostRow,
    TokenMeter,
    format_exact,
    parse_exact,
)
from metering.core.reconciliation.explain import LedgerSide
from metering.core.reconciliation.own_usage import CurrencyPrices, OwnUsage, Place
from metering.core.reconciliation.report import Line, Report, report
from tests.builders import price_book

DAY = "2026-11-20"
NEXT = "2026-11-21"
PRICE = {"input": 2_500_000, "cached_read": 1_250_000, "output": 10_000_000}
"""Of a token, in 10^-12."""


def billed(*rows: CostRow) -> BilledUsage:
    found = BilledUsage()
    for row in rows:
        found.add(row, "gpt-4o" if row.meter else "", None)
    return found


def row(tokens: str = "1000", bucket: str = "input", **changes: Any) -> CostRow:
    """Return a row in thousands with six decimals, at list price."""
    buckets = tuple(bucket.split("+"))
    cost = parse_exact(tokens).value * PRICE[buckets[0]] // 10**12
    made = CostRow(
        "tokens",
        DAY,
        "contoso",
        None,
        f"gpt 4o 1120 {bucket} glbl Tokens",
        parse_exact(f"{int(tokens) / 1000:.6f}"),
        parse_exact(format_exact(cost)),
        TokenMeter("gpt-4o", "global", "standard", long_context=False, buckets=buckets),
        block=1000,
    )
    return made._replace(**changes)


def own(*cells: tuple[Place, str, int], **changes: int) -> OwnUsage:
    """Return usage at list price; changes are of every cell."""
    found = OwnUsage(
        CurrencyPrices(price_book(), "USD"), lambda _of, _at: ServedBy(), start=0, end=1
    )
    for place, bucket, tokens in cells:
        instead = {"reasoning": "output", "input_image": "input"}.get(bucket, bucket)
        amount = tokens * PRICE[instead] * 10**6
        found.cells[place][bucket] = LedgerSide(tokens=tokens, amount=amount, **changes)
    return found


def place(day: str = DAY, account: str | None = "contoso", **changes: Any) -> Place:
    return Place(day, account, None, "gpt-4o")._replace(**changes)


def compared(
    bill: BilledUsage, mine: OwnUsage, *, last: str = DAY, together: bool = False
) -> Report:
    return report(
        bill,
        mine,
        defaultdict(int),
        first=DAY,
        last=last,
        together=together,
        currency="USD",
    )


def whys(found: Report) -> list[tuple[str, str, list[tuple[str, str]]]]:
    return [
        (
            line.day[-2:],
            line.metered,
            [(part.why, format_exact(part.tokens)) for part in line.parts],
        )
        for line in found.lines
    ]


def test_a_day_account_model_and_meter_are_one_line() -> None:
    bill = billed(row(), row("100", "output"))
    found = compared(bill, own((place(), "input", 1000), (place(), "output", 100)))
    assert whys(found) == [("20", "input", []), ("20", "output", [])]
    line = found.lines[0]
    assert (line.account, line.model, line.meters) == (
        "contoso",
        "gpt-4o",
        ("gpt 4o 1120 input glbl Tokens",),
    )
    assert not line.remains()


def test_what_a_model_has_no_meter_for_is_billed_as_something_else() -> None:
    bill = billed(row(), row("100", "output"))
    mine = own((place(), "input", 700), (place(), "input_image", 300), (place(), "reasoning", 100))
    assert whys(compared(bill, mine)) == [("20", "input", []), ("20", "output", [])]
    # Not even a meter of input: images are still input.
    assert whys(compared(billed(), own((place(), "input_image", 300)))) == [
        ("20", "input", [("unbilled", "-300")])
    ]


def test_one_meter_for_all_tokens_is_compared_with_all_of_ours() -> None:
    bill = billed(row("1100", "input+output"))
    mine = own((place(), "input", 1000), (place(), "output", 100))
    lines = compared(bill, mine).lines
    assert [(line.metered, line.our_tokens) for line in lines] == [("input+output", 1100)]


def test_what_names_no_account_is_of_the_only_one_in_the_export() -> None:
    mine = own((place(account=None), "input", 1000))
    assert whys(compared(billed(row()), mine)) == [("20", "input", [])]
    two = billed(row(), row("500", account="fabrikam"))
    assert len(compared(two, mine).lines) == 3


def test_all_accounts_can_be_compared_as_one() -> None:
    mine = own((place(account="pool-1"), "input", 1500))
    two = billed(row(), row("500", account="fabrikam"))
    assert whys(compared(two, mine, together=True)) == [("20", "input", [])]


def test_deployments_are_told_apart_where_every_row_of_an_account_names_one() -> None:
    mine = own((place(deployment="chat"), "input", 600), (place(deployment="batch"), "input", 400))
    apart = billed(row("600", deployment="chat"), row("400", deployment="batch"))
    assert [line.deployment for line in compared(apart, mine).lines] == ["batch", "chat"]
    mixed = billed(row("600", deployment="chat"), row("400"))
    assert [line.deployment for line in compared(mixed, mine).lines] == [None]
    assert whys(compared(mixed, mine)) == [("20", "input", [])]


def test_what_is_billed_on_the_next_day_is_late() -> None:
    bill = billed(row("700"), row("1300", day=NEXT))
    mine = own((place(), "input", 1000), (place(NEXT), "input", 1000))
    assert whys(compared(bill, mine, last=NEXT)) == [
        ("20", "input", [("late", "-300")]),
        ("21", "input", [("late", "300")]),
    ]
    # The other way round nothing is late: nothing is billed before it is used.
    early = billed(row("1300"), row("700", day=NEXT))
    assert whys(compared(early, mine, last=NEXT)) == [
        ("20", "input", [("unmetered", "300")]),
        ("21", "input", [("unbilled", "-300")]),
    ]


def test_at_the_edges_only_the_last_hours_may_be_late() -> None:
    mine = own((place(), "input", 1000), edge=200)
    assert whys(compared(billed(row("700")), mine)) == [
        ("20", "input", [("late", "-200"), ("unbilled", "-100")])
    ]
    before = own((place("2026-11-19"), "input", 0), edge=200)
    before.cells[place()]["input"] = LedgerSide(1000, amount=parse_amount("0.0025"))
    assert whys(compared(billed(row("1300")), before)) == [
        ("20", "input", [("late", "200"), ("unmetered", "100")])
    ]
    assert whys(compared(billed(row("1300")), own((place(), "input", 1000)))) == [
        ("20", "input", [("unmetered", "300")])
    ]


def test_what_a_log_could_not_tell_from_other_input_is_billed_as_cached() -> None:
    bill = billed(row("600"), row("400", "cached_read"))
    mine = own((place(), "input", 1000), totals_only=1000)
    assert whys(compared(bill, mine)) == [
        ("20", "cached_read", [("totals_only", "400")]),
        ("20", "input", [("totals_only", "-400")]),
    ]
    told = own((place(), "input", 1000))
    assert whys(compared(bill, told))[0] == ("20", "cached_read", [("unmetered", "400")])


def test_requests_whose_counts_never_came_explain_tokens_that_were_billed() -> None:
    mine = own((place(), "input", 600))
    mine.missing[place()] = 1
    assert whys(compared(billed(row()), mine)) == [("20", "input", [("missing", "400")])]
    unnamed = own((place(), "input", 600))
    unnamed.missing[place(model="")] = 1
    assert whys(compared(billed(row()), unnamed)) == [("20", "input", [("missing", "400")])]
    # One request has no more tokens than the longest prompt.
    many = own((place(), "input", 0))
    many.missing[place()] = 1
    assert whys(compared(billed(row("2000000")), many)) == [
        ("20", "input", [("missing", "1048576"), ("unmetered", "951424")])
    ]


def test_provisioned_units_and_the_marketplace_have_lines_of_their_own() -> None:
    hours = row(sort="provisioned", meter=None, name="Provisioned Managed Global Unit")
    claude = row(
        "-1000", sort="marketplace", meter=None, account=None, name="Claude", is_credit=True
    )
    strange = row("500", sort="unmapped", meter=None, name="gpt 9 Inp glbl Tokens")
    other = row(sort="other", meter=None, account=None)
    mine = own()
    mine.marketplace[DAY, "contoso"] = parse_amount("1")
    found = report(
        billed(hours, claude, strange, strange, other),
        mine,
        {(DAY, "contoso"): parse_amount("0.003")},
        first=DAY,
        last=DAY,
        currency="USD",
    )
    # Rows of 1,000 x 2.5 a million = 0.0025, one of them in two halves; one was given back.
    assert [
        (line.sort, line.metered, [(p.why, format_exact(p.amount)) for p in line.parts])
        for line in found.lines
    ] == [
        ("marketplace", "marketplace", [("credit", "-0.0025"), ("marketplace", "-1")]),
        ("unmapped", "gpt 9 Inp glbl Tokens", [("unmapped", "0.0025")]),
        ("provisioned", "provisioned", [("provisioned", "-0.0005")]),
    ]
    assert found.other_services.rows == 1


def test_a_difference_may_be_left_within_a_tolerance() -> None:
    line: Line = compared(billed(row("990")), own((place(), "input", 1000))).lines[0]
    assert line.remains()
    assert line.remains(ONE - 1)
    # 10 of 1,000 tokens are one percent, and so is their amount.
    assert not line.remains(ONE)


def test_what_is_compared_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(billed_usage, "MAX_CELLS", 1)
    monkeypatch.setattr(own_usage, "MAX_CELLS", 0)
    with pytest.raises(ConfigurationError, match="take fewer days"):
        billed(row(), row("100", "output"))
    with pytest.raises(ConfigurationError, match="take fewer days"):
        billed(row(sort="unmapped", meter=None), row(sort="unmapped", meter=None, name="b"))
    with pytest.raises(ConfigurationError, match="take fewer days"):
        own()._cell(place(), "input")  # noqa: SLF001, pages of that many are not built here


def test_a_line_names_some_of_its_meters() -> None:
    bill = billed(*(row(name=f"meter {number}") for number in range(10)))
    line = compared(bill, own((place(), "input", 10_000))).lines[0]
    assert (len(line.meters), line.parts) == (8, ())
