"""The proof: whatever is done to a ledger behind its back has a name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from metering.core.calendars.periods import SLOT, LedgerId, month_of
from metering.core.ledger.chain import START, Position, Recorded
from metering.core.ledger.commit import KnownBySlot, plan_commit
from metering.core.ledger.double_counts import Named
from metering.core.ledger.entry import Entry, Kind, Reference
from metering.core.ledger.head import Head, fold
from metering.core.ledger.page import Page, seal
from metering.core.ledger.proof import MAX_FAULTS, Proof
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)


rate = rating()


def pages(*batches: list[Usage]) -> list[Page]:
    head = Head(LEDGER)
    made: list[Page] = []
    for batch in batches:
        done = plan_commit(head, {}, batch, rate, NOW)
        head = done.head
        made.extend(done.pages)
    return made


def faults(found: list[Page], head: Head | None = None) -> list[str]:
    proof = Proof(LEDGER)
    for page in found:
        proof.add(page)
    proof.compare(head or fold(Head(LEDGER), found))
    named = Named(proof.doubts)
    for page in found:
        named.add(page)
    proof.note(*named.faults())
    return proof.faults


def resealed(page: Page, change: Callable[[Entry], Entry]) -> Page:
    entries = [change(entry) for entry in page.entries]
    made, _ = seal(
        LEDGER,
        page.slot,
        entries,
        number=page.number,
        previous=page.previous,
        committed=page.committed,
    )
    return made


TWO = pages([usage("a")], [usage("b")])


def test_a_sound_ledger_has_no_faults() -> None:
    assert faults(TWO) == []
    assert faults([]) == []


def test_a_missing_page_is_named() -> None:
    assert faults(TWO[1:], fold(Head(LEDGER), TWO))[0] == "page 1 is missing: page 2 follows"
    assert "the head's pages is not what its pages give" in faults(TWO[:1], fold(Head(LEDGER), TWO))


def test_a_page_of_another_chain_is_named() -> None:
    other = pages([usage("c")], [usage("d")])
    assert faults([TWO[0], other[1]])[0] == "page 2 does not follow the page before it"


def test_an_amount_that_is_not_tokens_times_rate_is_named() -> None:
    def cheaper(entry: Entry) -> Entry:
        return entry._replace(state=entry.state._replace(amount=1))

    assert faults([resealed(TWO[0], cheaper)]) == [
        "page 1 row 0: its amount is not its tokens times its rate"
    ]


def test_an_entry_outside_its_slot_is_named() -> None:
    found = faults([resealed(TWO[0], lambda entry: entry._replace(time=entry.time + SLOT))])
    assert found == ["page 1 row 0: its time is not in the page's slot"]


def test_an_id_that_counts_twice_is_named() -> None:
    assert faults(pages([usage("a")], [usage("a", time=AT + 5 * SLOT)])) == [
        "page 2 row 0: id 'a' counts again (first on page 1)"
    ]


def test_a_correction_of_something_else_than_the_latest_entry_is_named() -> None:
    first = plan_commit(Head(LEDGER), {}, [usage("a", evidence=Evidence.TOTALS)], rate, NOW)
    page = first.pages[0]
    known: KnownBySlot = {page.slot: {page.entries[0].key: (page, 0)}}
    second = plan_commit(first.head, known, [usage("a")], rate, NOW)
    assert faults([*first.pages, *second.pages]) == []

    def misplaced(entry: Entry) -> Entry:
        assert entry.supersedes is not None
        return entry._replace(supersedes=entry.supersedes._replace(at=Reference(1, 7)))

    assert faults([*first.pages, resealed(second.pages[0], misplaced)])[0] == (
        "page 2 row 0: what it supersedes is not the latest entry of id 'a'"
    )


@pytest.mark.parametrize("part", ["entries", "lines", "holds", "recent", "committed"])
def test_a_head_that_says_something_else_is_named(part: str) -> None:
    true = fold(Head(LEDGER), TWO)
    changed = {"entries": 3, "lines": {}, "holds": {1: ()}, "recent": (), "committed": 1}
    wrong = replace(true, **{part: changed[part]})  # type: ignore[arg-type]
    assert faults(TWO, wrong) == [f"the head's {part} is not what its pages give"]


def test_the_list_of_faults_is_bounded() -> None:
    again = [usage("a", time=AT + 5 * n * SLOT) for n in range(MAX_FAULTS + 5)]
    assert len(faults(pages(*[[one] for one in again]))) == MAX_FAULTS


def changed_state(**changes: Any) -> Callable[[Entry], Entry]:
    return lambda entry: entry._replace(state=entry.state._replace(**changes))


NEGATIVE = from_names({"input": -1000})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        # -1,000 tokens at 2.50 a million, in 10^-18: the amount fits, and the tokens are negative.
        (changed_state(buckets=NEGATIVE, amount=-2500 * 10**12), "it has negative tokens"),
        (changed_state(kind=Kind.OUTCOME), "its kind is outcome and its type is llm.usage.v1"),
        (changed_state(kind=Kind.HOLD), "its kind is hold and its evidence is FULL"),
        (changed_state(kind=Kind.CORRECTION), "it is a correction of nothing"),
        (
            changed_state(kind=Kind.WITHDRAWAL),
            "it is a withdrawal that takes nothing back, or counts something itself",
        ),
    ],
)
def test_an_entry_that_no_commit_writes_is_named(
    change: Callable[[Entry], Entry], fault: str
) -> None:
    assert f"page 1 row 0: {fault}" in faults([resealed(TWO[0], change)])


def test_a_page_that_was_committed_before_the_one_before_it_is_named() -> None:
    early = replace(TWO[1], committed=NOW - 1)
    assert "page 2: was committed before the page before it" in faults([TWO[0], early])


def test_a_time_outside_the_period_is_named() -> None:
    proof = Proof(LEDGER, month_of(LEDGER.start - 1))
    proof.add(TWO[0])
    assert proof.faults == ["page 1 row 0: its time is not in the period 2026-10"]


def test_a_state_that_is_superseded_twice_is_named() -> None:
    first = plan_commit(Head(LEDGER), {}, [usage("a", evidence=Evidence.TOTALS)], rate, NOW)
    page = first.pages[0]
    known: KnownBySlot = {page.slot: {page.entries[0].key: (page, 0)}}
    second = plan_commit(first.head, known, [usage("a")], rate, NOW)
    third = plan_commit(second.head, known, [usage("a")], rate, NOW)
    assert "page 3 row 0: what it supersedes is not the latest entry of id 'a'" in faults(
        [*first.pages, *second.pages, *third.pages]
    )


def test_a_page_that_something_else_recorded_otherwise_is_named() -> None:
    proof = Proof(LEDGER)
    recorded = [START, Position(1, "f" * 64), Position(7, "e" * 64)]
    proof.expect(Recorded(position, "the anchor") for position in recorded)
    for page in TWO:
        proof.add(page)
    proof.compare(fold(Head(LEDGER), TWO))
    assert proof.faults == [
        "page 1 is not the one that the anchor has",
        "page 7 is missing: the anchor has it",
    ]
