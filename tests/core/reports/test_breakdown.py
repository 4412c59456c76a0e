"""Breakdowns: groups add up to the balance, and a correction leaves the group it was in."""

from decimal import Decimal
from itertools import islice
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import KnownBySlot, plan_commit
from metering.core.ledger.head import Head, RateTotals
from metering.core.ledger.page import Page
from metering.core.reports.breakdown import (
    DIMENSIONS,
    GROUPS,
    Breakdown,
    Row,
    rows_after,
)
from metering.core.reports.count import Count, Group, in_order
from metering.core.usage.buckets import BUCKETS, from_names
from metering.core.usage.evidence import Evidence
from tests.builders import AT, NOW, price_book, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
BOOK = price_book({"aliases": ["gpt-4o-2024-11-20"]})


rate = rating(BOOK)


def broken_down(pages: list[Page], *names: str) -> dict[tuple[str | None, ...], str | None]:
    breakdown = Breakdown(names)
    for page in pages:
        breakdown.add(page)
    return {
        row.group: None if row.amount is None else format_amount(row.amount)
        for row in breakdown.rows()
    }


def test_usage_is_grouped_by_day_and_dimension() -> None:
    made = [
        usage("a", use_case="chat", end_user="u"),
        usage("b", use_case="chat"),
        usage("c", time=AT - DAY, use_case=None),
        usage("h", evidence=Evidence.HELD),
    ]
    pages = list(plan_commit(Head(LEDGER), {}, made, rate, NOW).pages)
    assert broken_down(pages, "day", "use_case") == {
        ("2026-11-19", None): "0.0035",
        ("2026-11-20", "chat"): "0.007",
    }
    assert broken_down(pages, "end_user") == {(None,): "0.007", ("u",): "0.0035"}
    for name in GROUPS:
        assert sum(Decimal(amount or 0) for amount in broken_down(pages, name).values()) == Decimal(
            "0.0105"
        )


def test_a_correction_moves_a_request_from_its_old_group_to_its_new_one() -> None:
    first = plan_commit(
        Head(LEDGER), {}, [usage("a", evidence=Evidence.TOTALS, model="mystery")], rate, NOW
    )
    page = first.pages[0]
    known: KnownBySlot = {page.slot: {page.entries[0].key: (page, 0)}}
    better = usage("a", model="gpt-4o")
    second = plan_commit(first.head, known, [better], rate, NOW)
    assert broken_down([*first.pages, *second.pages], "model") == {("gpt-4o",): "0.0035"}


def test_a_group_without_a_price_has_no_amount_rather_than_zero() -> None:
    nothing = from_names({})
    made = [
        usage("a", model="gpt-99", use_case="new"),
        usage("b", model="gpt-99", use_case="mixed"),
        usage("c", use_case="mixed"),
        usage("d", evidence=Evidence.ABSENT, buckets=nothing, use_case="lost"),
        usage("e", evidence=Evidence.ABSENT, buckets=nothing, status=429, use_case="refused"),
    ]
    pages = list(plan_commit(Head(LEDGER), {}, made, rate, NOW).pages)
    assert broken_down(pages, "use_case") == {
        ("lost",): None,
        ("mixed",): "0.0035",
        ("new",): None,
        ("refused",): "0",
    }


#: Changes of a few groups by use case and end user: more and less of each, back to nothing too.
CHANGES = st.lists(
    st.tuples(
        st.sampled_from([None, "", "a", "b", "ä", "Z"]),
        st.sampled_from([None, "u", "v"]),
        st.integers(-2, 2),
    ),
    max_size=40,
)


def counts_of(changes: list[tuple[str | None, str | None, int]]) -> list[dict[Group, Count]]:
    return [
        {
            ("2026-11-20", "m", None, None, None, case, user, None, None, None): Count(
                RateTotals(requests=more), more
            )
        }
        for case, user, more in changes
    ]


@given(CHANGES, CHANGES, st.integers(1, 4))
def test_a_breakdown_that_is_kept_and_paged_gives_what_one_made_at_once_gives(
    before: list[Any], after: list[Any], limit: int
) -> None:
    kept, new = Breakdown(("use_case", "end_user")), Breakdown(("use_case", "end_user"))
    for change in counts_of(before):
        kept.add_counts(change)
    kept.sort()
    for change in counts_of(after):
        kept.add_counts(change)
        kept.sort()
    for change in counts_of([*before, *after]):
        new.add_counts(change)
    every = new.rows()
    assert every == sorted(every, key=lambda row: in_order(row.group))
    paged: list[Row] = []
    while rows := list(islice(rows_after([kept], paged[-1].group if paged else None), limit)):
        paged += rows
    assert paged == every


@given(CHANGES, CHANGES)
def test_ledgers_together_give_what_one_with_all_their_pages_gives(
    first: list[Any], second: list[Any]
) -> None:
    parts, whole = [Breakdown(("use_case",)), Breakdown(("use_case",))], Breakdown(("use_case",))
    for one, changes in zip(parts, (first, second), strict=True):
        for change in counts_of(changes):
            one.add_counts(change)
            whole.add_counts(change)
    assert list(rows_after(parts)) == whole.rows()


def test_many_changes_after_a_sort_are_sorted_anew() -> None:
    breakdown = Breakdown(("use_case",))
    for name in ("b", "a"):
        breakdown.add_counts(counts_of([(name, None, 1)])[0])
    breakdown.sort()
    for number in range(5_000):
        breakdown.add_counts(counts_of([(f"n-{number:04d}", None, 1)])[0])
    names = [row.group[0] for row in breakdown.rows()]
    assert names == ["a", "b", *(f"n-{number:04d}" for number in range(5_000))]
    assert len(breakdown) == 5_002


def test_every_total_of_a_group_is_kept() -> None:
    """Each has a value of its own, so that none can take the place of another."""
    totals = {name: n for n, name in enumerate(RateTotals._fields, 1) if name != "tokens"}
    line = RateTotals(**totals, tokens=tuple(range(100, 100 + len(BUCKETS))))
    breakdown = Breakdown(DIMENSIONS)
    group = ("2026-11-20", "m", *(None,) * (len(DIMENSIONS) - 2))
    breakdown.add_counts({group: Count(line, 7, 9)})
    assert list(breakdown.after()) == [(group, Count(line, 7, 9))]
