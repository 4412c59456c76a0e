"""The statement: lines in their order, and a total that they add up to."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.allocation.allocation import Allocation
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount, parse_amount, rounded
from metering.core.billing.statement import Late, Statement, due, lines_due, shareable, statement_of
from metering.core.billing.statement_document import read_statement, sealed, write_statement
from metering.core.calendars.periods import LedgerId, parse_month, slot_of
from metering.core.credit.grant import Burnt
from metering.core.ledger.chain import Position
from metering.core.ledger.limits import Holds
from metering.core.plans.plan import Plan
from tests.builders import a_line, a_rate
from tests.statements import (
    DECEMBER,
    GPT,
    MILLION,
    NOVEMBER,
    OCTOBER,
    a_bill,
    a_statement,
    adjusted,
    an_allocation,
    closed,
    recomputed,
)


def told(statement: Statement) -> list[tuple[Any, ...]]:
    return [
        (line.kind, line.model, line.bucket, line.quantity, format_amount(line.amount))
        for line in statement.lines
    ]


def late(before: int, after: int, **terms: Any) -> Late:
    """Return October, which went from so many input tokens to so many."""
    ledger = LedgerId("acme", OCTOBER.start)
    totals = {GPT: a_line(input=after)}
    found = recomputed(ledger, totals, before={GPT: a_line(input=before)}, pages=2)
    return Late(OCTOBER, Plan(id="then", **terms), found, has_statement=True)


def test_usage_is_a_line_for_each_model_bucket_and_price() -> None:
    found = a_statement()
    # 1,000,000 x 2.50 = 2.50 and 100,000 x 10 = 1.00, a million each.
    assert told(found) == [
        ("usage", "gpt-4o", "input", 1_000_000, "2.5"),
        ("usage", "gpt-4o", "output", 100_000, "1"),
    ]
    assert (format_amount(found.total), found.currency, found.number) == ("3.5", "USD", 1)
    assert found.price_versions == ("v1",)


def test_the_lines_stand_in_the_order_of_a_statement() -> None:
    share = an_allocation(parse_amount("7"), parse_amount("3"))
    before = replace(a_statement(month=OCTOBER), carried={"USD": parse_amount("1")})
    found = closed(
        a_bill(
            late=[late(MILLION, 3 * MILLION)],
            allocations=[share],
            adjustments=[adjusted("-2.00")],
            previous=before,
            base_fee="10",
            allowance=({"tokens": 200_000},),
        ),
        Burnt({"g-1": parse_amount("4")}, 0),
    )
    # Usage 3.50, allowance 200,000 input at 2.50 = 0.50, base fee 10, share 7 + 3, correction
    # 2,000,000 x 2.50 = 5, adjustment -2, carried over -1, credit -4:
    # 3.5 - 0.5 + 10 + 10 + 5 - 2 - 1 - 4 = 21.
    assert [line.kind for line in found.lines] == [
        *("usage", "usage", "allowance", "base_fee", "ptu_share", "ptu_share"),
        *("correction", "adjustment", "carried_over", "credit"),
    ]
    assert format_amount(found.total) == "21"


def test_a_correction_is_what_the_charge_changed_by_with_its_own_period() -> None:
    tiers = ({"mode": "graduated", "meters": ({"model": "gpt-4o"},), "steps": STEPS},)
    found = a_statement(late=[late(MILLION, 3 * MILLION, tiers=tiers)])
    lines = [line for line in found.lines if line.kind == "correction"]
    # Graduated: the first two million at 2, the rest at 1. From 1 to 3 million: 1 x 2 and 1 x 1.
    assert [
        (line.term, line.quantity, format_amount(line.amount), line.charge_period, line.corrects)
        for line in lines
    ] == [
        ("tiers.0.steps.0", MILLION, "2", "2026-10", "tier"),
        ("tiers.0.steps.1", MILLION, "1", "2026-10", "tier"),
    ]
    assert found.billed[LedgerId("acme", OCTOBER.start)] == Position(2, "hash-2")


STEPS = (
    {"up_to": 2 * MILLION, "price_per_million": "2"},
    {"up_to": None, "price_per_million": "1"},
)


def test_an_earlier_period_in_another_currency_waits_and_is_named() -> None:
    found = a_statement(late=[late(MILLION, 3 * MILLION, currency="EUR")])
    assert format_amount(found.total) == "3.5"
    assert found.open.uncollected == ("2026-10",)
    assert list(found.billed) == [LedgerId("acme", NOVEMBER.start)]


@pytest.mark.parametrize(
    "allocation",
    [
        an_allocation(7, 3, currency="EUR"),
        an_allocation(7, 3, is_billable=False),
        replace(an_allocation(7, 3), shares=()),
        an_allocation(0, 0),
    ],
)
def test_a_share_that_is_nothing_or_in_another_currency_is_no_line_and_is_done(
    allocation: Allocation,
) -> None:
    found = a_statement(allocations=[allocation])
    assert format_amount(found.total) == "3.5"
    assert found.shared == (("eu/ptu", "2026-11"),)


def test_a_sharing_is_billed_by_the_first_statement_that_ends_no_earlier() -> None:
    october, november = an_allocation(7, 3, month=OCTOBER), an_allocation(7, 3)
    assert shareable(NOVEMBER, None, october)
    assert not shareable(OCTOBER, None, november)
    first = a_statement(allocations=[october])
    assert not shareable(DECEMBER, first, october)
    assert shareable(DECEMBER, first, november)
    assert not shareable(parse_month("2027-12"), None, october)


def test_a_statement_forgets_sharings_that_cannot_come_again() -> None:
    first = a_statement(allocations=[an_allocation(7, 3)])
    assert a_statement(month=DECEMBER, previous=first).shared == first.shared
    assert a_statement(month=parse_month("2028-02"), previous=first).shared == ()


def test_an_adjustment_says_why_and_by_whom() -> None:
    (line,) = (
        line
        for line in a_statement(adjustments=[adjusted("-2", charge_period="2026-10")]).lines
        if line.kind == "adjustment"
    )
    assert (line.reason, line.author, line.reference, line.charge_period) == (
        *("outage", "ada", "a-1", "2026-10"),
    )


def test_a_negative_total_is_nothing_owed_and_taken_off_the_next_statement() -> None:
    first = a_statement(adjustments=[adjusted("-10.005")])
    # 3.50 - 10.005 = -6.505: carried forward, exactly.
    assert (first.lines[-1].kind, format_amount(first.lines[-1].amount)) == (
        *("carried_forward", "6.505"),
    )
    assert (first.total, first.carried) == (0, {"USD": parse_amount("6.505")})
    second = a_statement({GPT: a_line(input=4 * MILLION)}, month=DECEMBER, previous=first)
    # 4 x 2.50 - 6.505 = 3.495, half to even: 3.50 (349.5 cents, 350 is even).
    assert [line.kind for line in second.lines] == ["usage", "carried_over", "rounding"]
    assert format_amount(second.total) == "3.5"
    assert (second.carried, second.number, second.previous) == ({}, 2, first.hash)


def test_what_is_carried_in_another_currency_stays_carried() -> None:
    first = replace(a_statement(), carried={"EUR": 5})
    assert a_statement(month=DECEMBER, previous=first).carried == {"EUR": 5}


def test_the_rounding_line_makes_rounded_lines_and_exact_ones_add_up() -> None:
    third = a_rate("third", input="0.004")
    # Three lines of 0.004 each show as 0.00; their sum 0.012 is 0.01.
    totals = {third._replace(model=name): a_line(input=MILLION) for name in ("a", "b", "c")}
    found = a_statement(totals)
    assert format_amount(found.total) == "0.01"
    assert found.lines[-1].kind == "rounding"
    assert format_amount(found.lines[-1].amount) == "-0.002"
    assert format_amount(found.lines[-1].rounded) == "0.01"


@given(st.lists(st.integers(0, 10**21), max_size=6), st.integers(-(10**21), 10**21))
def test_the_lines_add_up_to_the_total_whatever_they_are(prices: list[int], change: int) -> None:
    rate = a_rate("m", input="1")
    totals = {
        rate._replace(model=str(number), units=(price, *rate.units[1:])): a_line(input=1)
        for number, price in enumerate(prices)
    }
    adjustments = [adjusted(format_amount(change))] if change else []
    found = a_statement(totals, adjustments=adjustments)
    assert sum(line.amount for line in found.lines) == found.total
    assert sum(line.rounded for line in found.lines) == found.total
    exact = max(0, sum(prices) + change)
    assert found.total == rounded(exact, "USD")
    assert found.carried.get("USD", 0) == max(0, -(sum(prices) + change))


def test_what_is_due_goes_by_channel_and_is_never_less_than_nothing() -> None:
    own = {GPT._replace(channel="microsoft"): a_line(input=MILLION)}
    assert due(lines_due(a_bill(own, adjustments=[adjusted("-1")]))).total == {
        "microsoft": parse_amount("1.5"),
        "marketplace": 0,
        None: 0,
    }
    assert set(due(lines_due(a_bill(own, adjustments=[adjusted("-9")]))).total.values()) == {0}


def test_a_correction_is_due_at_the_end_and_not_as_usage_of_the_period() -> None:
    # Of 1 M x 2.50 the plan gives 2.00; October went from 1 M to 2 M tokens: 2.50 more.
    own = {GPT._replace(channel="microsoft"): a_line(input=MILLION)}
    bill = a_bill(own, late=[late(MILLION, 2 * MILLION)], allowance=({"amount": "2"},))
    owed = due(lines_due(bill))
    assert sum(owed.total.values()) == parse_amount("3")
    assert owed.usage == {"microsoft": parse_amount("0.5"), "marketplace": 0, None: 0}


def test_a_minimum_that_was_never_billed_is_not_refunded() -> None:
    # Usage of a period before the first statement: 1 M x 2.50, of a minimum of 250.
    never = late(0, MILLION, minimum="250")._replace(has_statement=False)
    found = closed(a_bill(late=[never]))
    assert [(line[0], line[4]) for line in told(found) if line[0] == "correction"] == [
        ("correction", "2.5")
    ]
    # A period with a statement has paid it: 2.50 more usage, 2.50 less to the minimum.
    billed = closed(a_bill(late=[late(0, MILLION, minimum="250")]))
    assert sum(line.amount for line in billed.lines if line.kind == "correction") == 0


def test_what_is_unsettled_at_the_close_is_told() -> None:
    unpriced = a_rate("gpt-99", version=None)
    bill = a_bill({GPT: a_line(input=1), unpriced: a_line(5, flags=(0, 3, 2), input=9)})
    end = NOVEMBER.end
    holds = {slot_of(end - DAY): Holds(7, 1, 1), slot_of(end - 3 * DAY): Holds(9, 1, 1)}
    head = replace(bill.own.head, holds=holds)
    bill = bill._replace(own=bill.own._replace(head=head))
    found = statement_of(bill, lines_due(bill), Burnt({}, 0), end - DAY + 1)
    assert (found.open.pending, found.open.unpriced, found.open.missing) == (7, 3, 2)


def test_a_statement_reads_back_as_it_was_written() -> None:
    share = an_allocation(7, 3)
    found = a_statement(late=[late(1, 3)], allocations=[share], adjustments=[adjusted("-2")])
    assert read_statement(write_statement(found), "acme") == found


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"schema": 0}, "has schema 0, not 1"),
        ({"number": 2}, "does not match its hash"),
        ({"closed": None}, "does not match its hash"),
        ({"lines": 3}, "cannot be read"),
        ({"period": {}}, "cannot be read"),
    ],
)
def test_a_statement_that_was_changed_is_not_believed(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvariantBroken, match=reason):
        read_statement({**write_statement(a_statement()), **change}, "acme")


def test_a_statement_is_read_for_its_own_tenant_only() -> None:
    with pytest.raises(InvariantBroken, match="another tenant's"):
        read_statement(write_statement(a_statement()), "other")


def test_the_hash_covers_every_part() -> None:
    found = a_statement()
    assert sealed(replace(found, plan="other")).hash != found.hash
    assert sealed(replace(found, billed={})).hash != found.hash
