"""Spends: how much a ledger asks of credit, of which channel, and when it was used."""

from metering.core.basics.instants import DAY, HOUR
from metering.core.billing.charge import Charge, charge
from metering.core.billing.spends import (
    Amounts,
    UsedBySpan,
    cuts_in,
    due_by_channel,
    due_of,
    open_spends,
    taken_from,
    used_at_some_time,
)
from metering.core.calendars.periods import month_of
from metering.core.credit.credit import OpenSpend
from metering.core.credit.grant import Spend
from metering.core.ledger.head import Head
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from tests.builders import AT, a_line, a_rate, plan, usage
from tests.core.credits import grant
from tests.core.rollups import LEDGER, pages_of

NOVEMBER = month_of(AT)
NOTHING = {"microsoft": 0, "marketplace": 0, None: 0}


def _by_channel(charge: Charge) -> Amounts:
    return due_by_channel((line.channel, line.amount) for line in charge.lines)


def test_a_charge_is_by_channel_as_its_lines_are() -> None:
    # 1 M x 2.50, 1 M x 3 of the marketplace, 5 for the month.
    totals = {
        a_rate(input="2.5")._replace(channel="microsoft"): a_line(input=10**6),
        a_rate("claude", input="3")._replace(channel="marketplace"): a_line(input=10**6),
    }
    found = _by_channel(charge(totals, plan(base_fee="5")))
    assert found == {"microsoft": 25 * 10**17, "marketplace": 3 * 10**18, None: 5 * 10**18}


def test_free_tokens_are_free_in_the_channel_that_they_are_of() -> None:
    totals = {a_rate(input="2.5")._replace(channel="microsoft"): a_line(input=10**6)}
    # Of 2.50 two fifths are free.
    found = _by_channel(charge(totals, plan(allowance=({"tokens": 400_000},))))
    assert found == {"microsoft": 15 * 10**17, "marketplace": 0, None: 0}


def test_free_money_is_taken_off_what_has_no_channel_and_then_off_the_channels() -> None:
    totals = {
        a_rate(input="2.5")._replace(channel="microsoft"): a_line(input=10**6),
        a_rate("claude", input="3")._replace(channel="marketplace"): a_line(input=10**6),
        a_rate("own", input="1"): a_line(input=10**6),
    }
    # 1 without a channel, 2.50 and 3: of the 4 that are free 1 + 2.50 + 0.50.
    found = _by_channel(charge(totals, plan(allowance=({"amount": "4"},))))
    assert found == {"microsoft": 0, "marketplace": 25 * 10**17, None: 0}


def test_usage_counts_in_order_of_time_as_far_as_it_is_charged() -> None:
    used = [Spend(1, "microsoft", 4), Spend(2, "microsoft", 4), Spend(3, None, 2)]
    # 2 of the second are free; of 5 without a channel 2 were used and 3 come at the end.
    owed = due_of([("microsoft", 6), (None, 5)], [])
    unused = dict(owed.usage)
    assert list(taken_from(unused, used)) == [
        Spend(1, "microsoft", 4),
        Spend(2, "microsoft", 2),
        Spend(3, None, 2),
    ]
    assert owed.beyond(unused) == {**NOTHING, None: 3}


def test_a_line_that_is_no_usage_is_due_at_the_end_whatever_usage_was_free() -> None:
    # 8 were used and 5 are charged; a correction of 8 is no usage of this period.
    owed = due_of([("microsoft", 5)], [("microsoft", 8)])
    unused = dict(owed.usage)
    assert list(taken_from(unused, [Spend(1, "microsoft", 8)])) == [Spend(1, "microsoft", 5)]
    assert owed.beyond(unused) == {**NOTHING, "microsoft": 8}


def test_a_line_below_zero_makes_the_last_usage_free() -> None:
    owed = due_of([("microsoft", 5)], [(None, -3)])
    unused = dict(owed.usage)
    assert list(taken_from(unused, [Spend(1, "microsoft", 5)])) == [Spend(1, "microsoft", 2)]
    assert owed.beyond(unused) == NOTHING


def test_what_is_charged_beyond_usage_is_spent_in_the_last_instant_of_the_period() -> None:
    used = [OpenSpend(5, 7, {"microsoft": 4}), OpenSpend(7, 9, {"microsoft": 4})]
    owed = due_of([("microsoft", 6), (None, 3)], [])
    assert open_spends(used, owed, NOVEMBER) == [
        OpenSpend(5, 7, {**NOTHING, "microsoft": 4}),
        OpenSpend(7, 9, {**NOTHING, "microsoft": 2}),
        OpenSpend(NOVEMBER.end - 1, NOVEMBER.end, {**NOTHING, None: 3}, is_settlement=True),
    ]


def test_a_head_says_how_much_was_used_and_by_when_at_the_latest() -> None:
    head = Head(
        LEDGER,
        lines={
            a_rate(input="2.5")._replace(channel="microsoft"): a_line(input=4),
            a_rate("own", input="1")._replace(channel="somebody"): a_line(input=1),
            a_rate("mystery", version=None): a_line(input=9),
        },
    )
    found = used_at_some_time(head, NOVEMBER, AT)
    # 4 x 2.50 and 1 x 1 per million.
    assert found == OpenSpend(
        NOVEMBER.start, AT, {**NOTHING, "microsoft": 10 * 10**12, None: 10**12}
    )
    assert used_at_some_time(head, NOVEMBER, NOVEMBER.end + DAY).end == NOVEMBER.end
    assert used_at_some_time(head, NOVEMBER, NOVEMBER.start - 1).end == NOVEMBER.start + 1


def test_a_period_is_cut_where_grants_begin_and_end_inside_it() -> None:
    grants = [
        grant(start=NOVEMBER.start, expiry=AT),
        grant(start=AT, expiry=NOVEMBER.end),
        grant(start=AT - DAY),
    ]
    assert cuts_in(NOVEMBER, grants) == (AT - DAY, AT)


def test_pages_say_when_usage_was_and_corrections_take_the_place_of_what_they_correct() -> None:
    pages = pages_of(
        [usage("a", time=AT - HOUR), usage("b", evidence=Evidence.TOTALS), usage("h", time=AT - 1)],
        [
            usage("b", buckets=from_names({"input": 2000})),
            usage("s", evidence=Evidence.HELD),
            usage("u", model="mystery"),
        ],
        [usage("s"), usage("u2", model="mystery", evidence=Evidence.TOTALS)],
        [usage("u2")],
    )
    used = UsedBySpan(NOVEMBER, (AT,))
    for page in pages:
        used.add(page)
    assert used.through == (len(pages), pages[-1].hash)
    # Before: a and h, 0.0035 each. From then on: b, now 2,000 x 2.50 per million = 0.005, what
    # came of the hold, and u2, priced by its correction.
    assert used.spans() == [
        OpenSpend(NOVEMBER.start, AT, {**NOTHING, "microsoft": 7 * 10**15}),
        OpenSpend(AT, NOVEMBER.end, {**NOTHING, "microsoft": 12 * 10**15}),
    ]
