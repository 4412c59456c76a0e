"""Usage of capacity: weighted tokens by hour and tenant, net of corrections."""

import pytest

from metering.core.allocation.capacity_usage import CapacityUsage, LedgerUsage, capacities_in
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import HOUR, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.ledger.commit import Commit, plan_commit
from metering.core.ledger.entry import Reference, Superseded
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page, seal
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import BUCKETS, from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, a_rate, usage

NOVEMBER = parse_month("2026-11")
LEDGER = LedgerId("acme", NOVEMBER.start)
ELEVEN = AT - 45 * 60 * 10**6
FREE = (0,) * len(BUCKETS)
#: An output token weighs 4, every other one 1.
WEIGHTS = (*[1_000_000] * 8, 4_000_000, *[1_000_000] * 3, 0)


def rate(request: Usage, _: Instant) -> tuple[Rate, Amount | None]:
    """Rate by the deployment that is named: provisioned, spilled over, or any other."""
    key = request.dimensions.deployment
    if key is None or request.dimensions.spillover:
        return a_rate(input="2.5", output="10"), 1
    row = f"{key}/provisioned"
    return Rate("gpt-4o", "v", row, 10**6, FREE, "microsoft", weights=WEIGHTS), 0


def committed(*usages: Usage, after: Commit | None = None, ledger: LedgerId = LEDGER) -> Commit:
    if after is None:
        return plan_commit(Head(ledger), {}, list(usages), rate, NOW)
    (page,) = after.pages
    known = {page.slot: {e.key: (page, row) for row, e in enumerate(page.entries)}}
    return plan_commit(after.head, known, list(usages), rate, NOW)


def counted(*pages: Page, places: tuple[str, ...] = ("contoso/chat",)) -> LedgerUsage:
    made = LedgerUsage(LEDGER, NOVEMBER, places)
    for page in pages:
        made.add(page)
    return made


def ptu(id_: str = "a", **changes: object) -> Usage:
    made: dict[str, object] = {"deployment": "Contoso/chat", **changes}
    return usage(id_, **made)  # type: ignore[arg-type]


def test_tokens_are_weighted_and_added_up_by_the_hour_of_their_request() -> None:
    made = committed(ptu("a"), ptu("b"), ptu("c", time=AT - HOUR))
    # 1,000 in and 100 out at weight 4: 1,400 a request.
    assert counted(*made.pages).tokens == {
        ("contoso/chat", ELEVEN): 2_800 * 10**6,
        ("contoso/chat", ELEVEN - HOUR): 1_400 * 10**6,
    }
    assert capacities_in(made.head) == {"contoso/chat"}


def test_a_correction_takes_the_place_of_what_was_counted() -> None:
    first = committed(ptu(evidence=Evidence.TOTALS))
    better = ptu(digest="d2", buckets=from_names({"input": 10, "output": 1}))
    second = committed(better, after=first)
    made = counted(*first.pages, *second.pages)
    # 10 + 4 x 1 in the place of 1,400.
    assert made.tokens == {("contoso/chat", ELEVEN): 14 * 10**6}
    assert made.through == second.head.position


@pytest.mark.parametrize(
    "other",
    [
        ptu(deployment=None),
        ptu(spillover=True),
        ptu(deployment="contoso/other"),
        ptu(evidence=Evidence.HELD),
        ptu(status=429),
        ptu(time=NOVEMBER.start - 1),
        ptu(time=NOVEMBER.end),
    ],
)
def test_what_did_not_take_the_capacity_in_the_month_does_not_count(other: Usage) -> None:
    assert counted(*committed(other).pages).tokens == {}


def test_the_first_and_the_last_instant_of_a_month_count() -> None:
    made = committed(ptu("a", time=NOVEMBER.start), ptu("b", time=NOVEMBER.end - 1))
    assert [hour for _, hour in counted(*made.pages).tokens] == [
        NOVEMBER.start,
        NOVEMBER.end - HOUR,
    ]


def test_a_head_without_such_usage_names_no_capacity() -> None:
    assert capacities_in(committed(ptu(spillover=True), ptu("h", evidence=Evidence.HELD)).head) == (
        set()
    )


def test_corrections_of_more_than_was_used_are_refused() -> None:
    (page,) = committed(ptu()).pages
    (entry,) = page.entries
    less = entry.state._replace(buckets=from_names({"input": 1}))
    wrong = entry._replace(state=less, supersedes=Superseded(Reference(1, 0), entry.state))
    forged, _ = seal(
        LEDGER, page.slot, [wrong], number=1, previous=page.previous, committed=page.committed
    )
    with pytest.raises(LedgerBroken, match="is negative"):
        CapacityUsage().add(counted(forged), {"contoso/chat"})


def test_ledgers_are_added_up_by_tenant_and_named_with_what_was_counted_of_them() -> None:
    acme, beta = (
        committed(ptu(), ledger=LedgerId(name, LEDGER.start)) for name in ("acme", "beta")
    )
    together = CapacityUsage()
    for made in (beta, acme):
        one = LedgerUsage(made.head.ledger, NOVEMBER, {"contoso/chat"})
        one.add(*made.pages)
        together.add(one, {"contoso/chat"})
    tokens = 1_400 * 10**6
    assert together.tokens("contoso/chat") == {ELEVEN: {"acme": tokens, "beta": tokens}}
    assert sorted(together.counted("contoso/chat")) == [
        (made.head.ledger, 1, made.head.last_hash) for made in (acme, beta)
    ]
    assert (dict(together.tokens("other")), together.counted("other")) == ({}, [])


OTHER = LedgerId("beta", NOVEMBER.start)


def test_a_ledger_that_is_left_out_keeps_its_part_from_its_last_hour_on() -> None:
    made = CapacityUsage()
    # 1,400 weighted tokens a request. Until 11 acme used one and beta three.
    made.add(
        counted(
            *committed(
                ptu("a", time=AT - HOUR), ptu("b", time=AT + HOUR), ptu("c", time=AT + HOUR)
            ).pages
        ),
        ["contoso/chat"],
    )
    of_beta = LedgerUsage(OTHER, NOVEMBER, ["contoso/chat"])
    for page in committed(
        *(ptu(name, time=AT - HOUR) for name in "xyz"), ptu("v"), ledger=OTHER
    ).pages:
        of_beta.add(page)
    made.leave_out(of_beta, ["contoso/chat"], "page 3 is missing")
    ten, twelve = ELEVEN - HOUR, ELEVEN + HOUR
    # It used 4 requests beside the one of acme by then, so 8 beside the two at 12.
    assert made.tokens("contoso/chat") == {
        ten: {"acme": 1_400 * 10**6, "beta": 4_200 * 10**6},
        ELEVEN: {"beta": 1_400 * 10**6},
        twelve: {"acme": 2_800 * 10**6, "beta": 11_200 * 10**6},
    }
    assert [one.reason for one in made.left_out("contoso/chat")] == ["page 3 is missing"]
    assert made.left_out("contoso/other") == []


def test_a_ledger_that_is_left_out_and_used_it_alone_has_no_part_to_keep() -> None:
    made = CapacityUsage()
    of_beta = LedgerUsage(OTHER, NOVEMBER, ["contoso/chat"])
    for page in committed(ptu("x", time=AT - HOUR), ledger=OTHER).pages:
        of_beta.add(page)
    made.leave_out(of_beta, ["contoso/chat"], "page 2 is missing")
    made.add(counted(*committed(ptu("a")).pages), ["contoso/chat"])
    assert made.tokens("contoso/chat") == {
        ELEVEN - HOUR: {"beta": 1_400 * 10**6},
        ELEVEN: {"acme": 1_400 * 10**6},
    }
