"""Rollups: whatever was rolled up when, with the pages after it the rows are those of all pages."""

from dataclasses import replace
from itertools import takewhile

from hypothesis import given, settings
from hypothesis import strategies as st

from metering.core.basics.instants import DAY
from metering.core.calendars.periods import SLOT
from metering.core.ledger.page import Page
from metering.core.reports.breakdown import GROUPS
from metering.core.reports.rollup import (
    ALL_PARTS,
    MAX_PAGES,
    MAX_PARTS,
    SUMMARY,
    Cursor,
    Intake,
    RollupProof,
    part_of,
)
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, usage
from tests.core.rollups import LEDGER, Rollup, pages_of, rows_of

RANKS = (Evidence.HELD, Evidence.ABSENT, Evidence.TOTALS, Evidence.FULL)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    number = draw(st.integers(0, 12))
    evidence = draw(st.sampled_from(RANKS))
    counted = evidence is not Evidence.ABSENT
    return usage(
        f"r-{number}",
        evidence=evidence,
        # One request keeps its time; what else is known of it may change with better counts.
        time=AT - number % 3 * DAY - number % 2 * SLOT,
        end_user=draw(st.sampled_from([None, "", "ü|", "u-1"])),
        model=draw(st.sampled_from(["gpt-4o", "gpt-99", None])),
        use_case=draw(st.sampled_from([None, "a", "b"])),
        backend=draw(st.sampled_from([None, "eu-ai", "us-ai"])),
        status=draw(st.sampled_from([200, 429])),
        buckets=from_names({"input": draw(st.integers(0, 10**9))} if counted else {}),
    )


@st.composite
def ledgers(draw: st.DrawFn) -> list[Page]:
    batches = draw(st.lists(st.lists(usages(), min_size=1, max_size=5), max_size=8))
    return pages_of(*batches)


@settings(deadline=None)
@given(
    pages=ledgers(),
    cuts=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6),
    group_by=st.lists(st.sampled_from(GROUPS), min_size=1, unique=True).map(tuple),
)
def test_wherever_it_is_cut_the_rows_are_those_of_all_pages(
    pages: list[Page], cuts: list[tuple[int, int]], group_by: tuple[str, ...]
) -> None:
    rollup = Rollup()
    for _, end in sorted(cuts, key=lambda cut: cut[1]):
        # Every run offers all pages up to its end, those taken in before included.
        rollup.take_in(pages[:end])
        assert rollup.rows(pages, group_by) == rows_of(pages, group_by)
    rollup.take_in(pages)
    assert rollup.rows() == rows_of(pages)


@settings(deadline=None)
@given(pages=ledgers(), cut=st.integers(0, 30), again=st.integers(0, 30))
def test_pages_taken_in_before_change_nothing(pages: list[Page], cut: int, again: int) -> None:
    rollup = Rollup()
    rollup.take_in(pages[:cut])
    cursor, parts = rollup.cursor, dict(rollup.parts)
    assert rollup.take_in(pages[: min(cut, again)]) == []
    assert (rollup.cursor, rollup.parts) == (cursor, parts)


@settings(deadline=None)
@given(pages=ledgers(), cut=st.integers(0, 30))
def test_a_rollup_of_many_runs_is_that_of_one(pages: list[Page], cut: int) -> None:
    many, one = Rollup(), Rollup()
    for end in (cut // 2, cut, len(pages)):
        many.take_in(pages[:end])
    one.take_in(pages)
    assert many.rows() == one.rows()
    assert many.cursor == one.cursor


@settings(deadline=None)
@given(pages=ledgers(), cut=st.integers(0, 30))
def test_the_pages_settle_a_rollup_and_nothing_else_does(pages: list[Page], cut: int) -> None:
    rollup = Rollup()
    rollup.take_in(pages[:cut])
    proof = RollupProof(rollup.cursor)
    for part in rollup.parts.values():
        proof.add_part(part)
    for page in pages:
        proof.add(page)
    assert proof.faults() == []


def test_a_page_changes_parts_of_its_day_alone() -> None:
    (page,) = pages_of(usage(f"r-{n}", end_user=f"u-{n}") for n in range(200))
    rollup = Rollup()
    changed = rollup.take_in([page])
    assert [(part.name.day, part.name.number) for part in changed] == [
        ("2026-11-20", number) for number in range(ALL_PARTS)
    ]
    assert {part.page for part in changed} == {1}


def test_only_parts_that_change_are_written_again() -> None:
    first, second = pages_of([usage("a")], [usage("b", time=AT - DAY)])
    rollup = Rollup()
    rollup.take_in([first])
    changed, summary = rollup.take_in([second])
    assert (changed.name.day, changed.page) == ("2026-11-19", 2)
    assert (summary.name, summary.page) == (("2026-11-19", SUMMARY), 2)
    assert sorted(rollup.cursor.parts.values()) == [1, 1, 2, 2]


def test_a_groups_part_is_the_same_for_ever() -> None:
    group = ("2026-11-20", "gpt-4o", None, None, "sub-1", None, "u-1", "eu-ai", None, None)
    # printf '["2026-11-20","gpt-4o",null,null,"sub-1",null,"u-1","eu-ai",null,null]' | b2sum
    # --length 64: its last hexadecimal digit modulo 8.
    assert part_of(group) == ("2026-11-20", 6)
    assert str(part_of(group)) == "day-2026-11-20-6"


def test_a_summary_has_no_subscriptions_and_end_users() -> None:
    (page,) = pages_of(
        [usage("a", end_user="u", backend="eu-ai"), usage("b", end_user="v", backend="eu-ai")]
    )
    rollup = Rollup()
    summary = rollup.take_in([page])[-1]
    assert summary.name.is_summary
    ((group, count),) = summary.counts.items()
    # subscription and end user are left out, the account is not
    assert (group[4], group[6], group[7], count.line.requests) == (None, None, "eu-ai", 2)


def test_a_request_that_moves_leaves_no_row_behind() -> None:
    pages = pages_of(
        [usage("a", evidence=Evidence.TOTALS, use_case="old")], [usage("a", use_case="new")]
    )
    rollup = Rollup()
    for page in pages:
        rollup.take_in([page])
    ((group, count), (summary, same)) = [
        row for part in rollup.parts.values() for row in part.counts.items()
    ]
    assert (summary[5], same) == ("new", count)
    # 1,000 x 2.5 + 100 x 10 per million = 0.0035
    assert (group[5], count.line.requests, count.amount) == ("new", 1, 3_500_000_000_000_000)


def test_an_intake_is_full_before_a_batch_would_be() -> None:
    intake = Intake(Cursor(LEDGER))
    many = [[usage(f"{n}", time=AT - n * SLOT, end_user=f"{n}")] for n in range(MAX_PAGES)]
    for page in pages_of(*many):
        assert not intake.is_full
        intake.add(page)
    assert intake.is_full
    intake = Intake(Cursor(LEDGER))
    days = [
        [usage(f"{day}-{n}", time=AT - day * DAY, end_user=f"{n}") for n in range(200)]
        for day in range(19)
    ]
    for page in takewhile(lambda _: not intake.is_full, pages_of(*days)):
        intake.add(page)
    # Eleven days of nine parts are 99, with which the cursor is the hundredth operation.
    assert len(intake.changes) == 99 <= MAX_PARTS


def test_a_wrong_rollup_is_named_by_its_part() -> None:
    pages = pages_of([usage("a")], [usage("b")])
    rollup = Rollup()
    part, _ = rollup.take_in(pages)
    ((group, count),) = part.counts.items()
    dearer = replace(part, counts={group: count._replace(amount=count.amount + 1)})
    proof = RollupProof(rollup.cursor)
    for one in rollup.parts.values():
        proof.add_part(dearer if one.name == part.name else one)
    for page in pages:
        proof.add(page)
    assert proof.faults() == [f"its rollup's {part.name} is not what its pages give"]


def test_a_rollup_that_goes_up_to_a_page_of_another_chain_is_named() -> None:
    pages = pages_of([usage("a")], [usage("b")])
    wanted = ["its rollup names a page 2 that is not in the chain"]
    for cursor, given_pages in [
        (Cursor(LEDGER, 2, "f" * 64), pages),
        (Cursor(LEDGER, 2, pages[1].hash), pages[:1]),
    ]:
        proof = RollupProof(cursor)
        for page in given_pages:
            proof.add(page)
        assert proof.faults() == wanted
