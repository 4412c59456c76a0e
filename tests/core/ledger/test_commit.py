"""The evidence rule and the fold: what each event is answered, and what it leaves in the ledger."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.instants import DAY, HOUR, Instant, parse_instant
from metering.core.basics.money import format_amount
from metering.core.billing.balance import Balance, balance_of
from metering.core.calendars.periods import SLOT, LedgerId, month_of, slot_of
from metering.core.ledger.commit import Commit, CommitTooLargeError, Known, KnownBySlot, plan_commit
from metering.core.ledger.double_counts import Named
from metering.core.ledger.entry import Kind, Reference, State
from metering.core.ledger.head import Head, fold
from metering.core.ledger.limits import Holds
from metering.core.ledger.page import MAX_ENTRIES, Diagnostics
from metering.core.ledger.proof import Proof
from metering.core.plans.plan import DEFAULT_PLAN
from metering.core.usage.buckets import Buckets, by_name, from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
BEFORE = LedgerId("acme", month_of(LEDGER.start - 1).start)
DETAILED = from_names({"input": 488, "cached_read": 512, "output": 100})


rate = rating()


class Ledger:
    """A ledger in memory, committed to as the protocol does."""

    def __init__(self) -> None:
        self.head = Head(LEDGER)
        self.pages: list[Any] = []
        self.others: dict[Any, Known] = {}

    def known(self) -> KnownBySlot:
        known: dict[int, dict[Any, Known]] = {}
        for name, found in self.others.items():
            known.setdefault(found[0].slot, {})[name] = found
        for page in self.pages:
            for row, entry in enumerate(page.entries):
                known.setdefault(page.slot, {})[entry.key] = (page, row)
        return known

    def commit(self, *usages: Usage, now: Instant = NOW) -> Commit:
        done = plan_commit(self.head, self.known(), usages, rate, now)
        self.head = done.head
        self.pages.extend(done.pages)
        return done

    @property
    def balance(self) -> Balance:
        return balance_of(self.head, DEFAULT_PLAN)

    @property
    def amount(self) -> str:
        return format_amount(self.balance.amount)

    def prove(self) -> list[str]:
        proof = Proof(LEDGER)
        for page in self.pages:
            proof.add(page)
        proof.compare(self.head)
        named = Named(proof.doubts)
        for page in self.pages:
            named.add(page)
        return [*proof.faults, *named.faults()]


def answers(done: Commit) -> tuple[int, int, int]:
    return done.accepted, done.duplicates, len(done.conflicts)


def test_a_new_event_becomes_an_entry() -> None:
    ledger = Ledger()
    assert answers(ledger.commit(usage())) == (1, 0, 0)
    # 1,000 x 2.5 + 100 x 10 per million
    assert ledger.amount == "0.0035"
    assert ledger.pages[0].entries[0].state.kind is Kind.USAGE


def test_the_same_event_again_is_a_duplicate_and_changes_no_total() -> None:
    ledger = Ledger()
    ledger.commit(usage())
    before = ledger.head
    assert answers(ledger.commit(usage())) == (0, 1, 0)
    assert ledger.head.diagnostics.duplicates == 1
    assert replace(ledger.head, diagnostics=before.diagnostics) == before
    assert len(ledger.pages) == 1


def test_duplicates_beside_a_new_event_are_noted_in_its_page() -> None:
    ledger = Ledger()
    ledger.commit(usage("a"))
    assert answers(ledger.commit(usage("a"), usage("b"))) == (1, 1, 0)
    assert [page.diagnostics for page in ledger.pages] == [Diagnostics(), Diagnostics(1, 0)]
    assert ledger.head.diagnostics == Diagnostics(1, 0)


def test_the_same_event_twice_in_a_batch_counts_once() -> None:
    ledger = Ledger()
    assert answers(ledger.commit(usage(), usage())) == (1, 1, 0)
    assert ledger.amount == "0.0035"


def test_weaker_counts_of_a_known_event_are_a_duplicate() -> None:
    ledger = Ledger()
    ledger.commit(usage())
    weaker = usage(evidence=Evidence.TOTALS, digest="other")
    assert answers(ledger.commit(weaker)) == (0, 1, 0)


def test_other_content_of_the_same_rank_is_a_conflict() -> None:
    ledger = Ledger()
    ledger.commit(usage())
    other = usage(digest="other")
    assert ledger.commit(other).conflicts == (other,)
    assert ledger.head.diagnostics.conflicts == 1
    assert ledger.amount == "0.0035"
    assert answers(Ledger().commit(usage(), other)) == (1, 0, 1)


def test_better_counts_correct_the_entry_by_the_delta() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.TOTALS, digest="t"))
    ledger.commit(usage(buckets=DETAILED))
    # 488 x 2.5 + 512 x 1.25 + 100 x 10 = 1220 + 640 + 1000
    assert ledger.amount == "0.00286"
    assert by_name(ledger.balance.tokens) == by_name(DETAILED)
    assert ledger.balance.total.requests == 1
    correction = ledger.pages[1].entries[0]
    assert correction.state.kind is Kind.CORRECTION
    assert correction.supersedes.at == Reference(1, 0)
    assert ledger.prove() == []


def test_a_correction_carries_the_originals_time() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.TOTALS, time=AT))
    ledger.commit(usage(time=AT + SLOT))
    correction = ledger.pages[1].entries[0]
    assert correction.time == AT
    assert ledger.pages[1].slot == slot_of(AT)


def test_better_counts_within_one_batch_need_no_correction() -> None:
    ledger = Ledger()
    done = ledger.commit(usage(evidence=Evidence.TOTALS), usage(buckets=DETAILED))
    assert answers(done) == (2, 0, 0)
    assert ledger.amount == "0.00286"
    assert [entry.supersedes for entry in ledger.pages[0].entries] == [None]


def test_two_corrections_of_one_entry_in_one_batch_become_the_better_one() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.ABSENT, buckets=from_names({})))
    done = ledger.commit(usage(evidence=Evidence.TOTALS), usage(buckets=DETAILED))
    assert answers(done) == (2, 0, 0)
    assert len(ledger.pages[1].entries) == 1
    assert ledger.amount == "0.00286"
    assert ledger.prove() == []


def test_a_hold_counts_nothing_until_it_is_settled() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.HELD))
    assert ledger.balance.total.requests == 0
    assert (ledger.balance.held_requests, ledger.amount) == (1, "0")
    assert format_amount(ledger.balance.held_amount) == "0.0035"
    ledger.commit(usage(buckets=DETAILED))
    assert (ledger.balance.held_requests, ledger.amount) == (0, "0.00286")
    assert ledger.pages[1].entries[0].state.kind is Kind.USAGE
    assert ledger.prove() == []


def test_a_hold_for_a_known_request_does_nothing() -> None:
    ledger = Ledger()
    ledger.commit(usage())
    held = usage(evidence=Evidence.HELD, digest="h")
    assert answers(ledger.commit(held)) == (0, 1, 0)
    ledger = Ledger()
    ledger.commit(held)
    assert answers(ledger.commit(held._replace(digest="h2"))) == (0, 1, 0)
    assert ledger.balance.held_requests == 1


def test_the_holds_of_a_slot_lapse_a_day_after_its_end() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.HELD))
    end = (slot_of(AT) + 1) * SLOT
    assert ledger.head.next_at == end + DAY
    ledger.commit(usage("r-2"), now=end + DAY - 1)
    assert ledger.balance.held_requests == 1
    ledger.commit(usage("r-3"), now=end + DAY)
    assert ledger.balance.held_requests == 0
    assert ledger.head.next_at is None


def test_a_stream_that_ends_after_its_hold_lapsed_counts_once() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.HELD))
    ledger.commit(usage("r-2"), now=AT + 3 * DAY)
    ledger.commit(usage(), now=AT + 3 * DAY)
    assert ledger.balance.total.requests == 2
    assert ledger.head.holds == {}
    assert ledger.prove() == []


def test_a_hold_that_comes_after_its_own_lapse_is_never_open() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.HELD), now=AT + 3 * DAY)
    assert ledger.head.holds == {}


def test_the_clock_of_a_ledger_never_goes_back() -> None:
    ledger = Ledger()
    ledger.commit(usage(), now=NOW)
    ledger.commit(usage("r-2"), now=NOW - HOUR)
    assert ledger.head.committed == NOW


def test_an_unpriced_request_counts_its_tokens_and_no_amount() -> None:
    ledger = Ledger()
    ledger.commit(usage(model="gpt-99"))
    total = ledger.balance.total
    assert (total.unpriced, ledger.amount) == (1, "0")
    assert sum(total.tokens) == 1100
    assert ledger.pages[0].entries[0].state.amount is None


def test_a_processed_request_without_counts_is_missing_and_not_unpriced() -> None:
    ledger = Ledger()
    nothing = from_names({})
    ledger.commit(usage(evidence=Evidence.ABSENT, buckets=nothing))
    ledger.commit(usage("r-2", evidence=Evidence.MISSING, buckets=nothing))
    total = ledger.balance.total
    assert (total.requests, total.missing, total.unpriced) == (2, 2, 0)
    assert ledger.pages[0].entries[0].state.amount is None


def test_a_refused_request_costs_nothing_whatever_its_model() -> None:
    ledger = Ledger()
    nothing = from_names({})
    ledger.commit(usage(evidence=Evidence.ABSENT, buckets=nothing, status=429, model="gpt-99"))
    total = ledger.balance.total
    assert (total.requests, total.not_billable, total.unpriced, total.missing) == (1, 1, 0, 0)
    assert ledger.pages[0].entries[0].state.amount == 0


def test_counts_that_arrive_move_a_missing_request_to_its_model() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.MISSING, buckets=from_names({}), model=None))
    ledger.commit(usage(evidence=Evidence.TOTALS))
    assert [model.model for model in ledger.balance.models] == ["gpt-4o"]
    assert ledger.balance.total.missing == 0
    assert ledger.prove() == []


def test_an_id_is_known_in_its_slot_and_both_neighbours_and_no_further() -> None:
    for distance, expected in [(-1, 0), (0, 0), (1, 0), (-2, 1), (2, 1)]:
        ledger = Ledger()
        ledger.commit(usage())
        done = ledger.commit(usage(time=AT + distance * SLOT, evidence=Evidence.TOTALS))
        assert done.accepted == expected


def test_an_id_further_away_is_found_by_the_proof() -> None:
    ledger = Ledger()
    ledger.commit(usage())
    ledger.commit(usage(time=AT + 2 * SLOT))
    assert ledger.prove() == ["page 2 row 0: id 'r-1' counts again (first on page 1)"]


def test_what_the_ledger_before_knows_is_answered_here_and_corrected_there() -> None:
    edge = LEDGER.start
    for_adjacent_ledger = plan_commit(
        Head(BEFORE), {}, [usage(time=edge - 1, evidence=Evidence.TOTALS)], rate, NOW
    )
    page = for_adjacent_ledger.pages[0]
    ledger = Ledger()
    ledger.others[page.entries[0].key] = (page, 0)
    same = usage(time=edge, evidence=Evidence.TOTALS)
    assert answers(ledger.commit(same)) == (0, 1, 0)
    assert answers(ledger.commit(same._replace(digest="other"))) == (0, 0, 1)
    better = usage(time=edge)
    assert ledger.commit(better).for_adjacent_ledger == {BEFORE: [better]}
    assert ledger.pages == []


def test_pages_hold_one_slot_each_and_are_chained() -> None:
    ledger = Ledger()
    ledger.commit(usage("a"), usage("b", time=AT + HOUR), usage("c"))
    first, second = ledger.pages
    assert [len(first.entries), len(second.entries)] == [2, 1]
    assert second.previous == first.hash
    assert ledger.head.last_hash == second.hash
    assert ledger.head.recent == ((1, first.slot), (2, second.slot))


def test_a_page_holds_at_most_two_thousand_entries() -> None:
    done = Ledger().commit(*(usage(str(n)) for n in range(MAX_ENTRIES + 1)))
    assert [len(page.entries) for page in done.pages] == [2000, 1]


def test_more_than_a_batch_may_hold_is_refused_as_a_whole() -> None:
    with pytest.raises(CommitTooLargeError, match="100 pages"):
        Ledger().commit(*(usage(str(n), time=AT - n * SLOT) for n in range(100)))
    with pytest.raises(CommitTooLargeError, match="bytes"):
        Ledger().commit(*(usage(f"{n}-{'x' * 240}", end_user=f"{n}" * 250) for n in range(2000)))


events = st.lists(
    st.builds(
        lambda number, evidence, tokens, model, shift: usage(
            f"r-{number}",
            evidence=evidence,
            # Of one request and rank there is one content: the others would be conflicts.
            digest=f"{number}-{evidence}",
            time=AT + number % 3 * SLOT,
            arrival=NOW + shift,
            buckets=_counts(number, evidence, tokens),
            model=model,
        ),
        st.integers(0, 12),
        st.sampled_from([Evidence.HELD, Evidence.ABSENT, Evidence.TOTALS, Evidence.FULL]),
        st.integers(0, 1000),
        st.sampled_from(["gpt-4o", "gpt-99"]),
        st.integers(0, 10),
    ),
    max_size=40,
    unique_by=lambda made: (made.id, made.evidence),
)


def _counts(number: int, evidence: Evidence, tokens: int) -> Buckets:
    if evidence is Evidence.ABSENT:
        return from_names({})
    return from_names({"input": tokens, "cached_read": number, "output": tokens // 2})


@given(events, st.randoms(use_true_random=False), st.integers(1, 7))
def test_any_order_cut_and_repetition_gives_the_same_totals(
    made: list[Usage], chance: Any, size: int
) -> None:
    plain, unkind = Ledger(), Ledger()
    plain.commit(*made)
    sent = made + chance.choices(made, k=len(made)) if made else []
    chance.shuffle(sent)
    for first in range(0, len(sent), size):
        unkind.commit(*sent[first : first + size])
    assert unkind.head.lines == plain.head.lines
    assert unkind.head.holds == plain.head.holds
    assert plain.prove() == unkind.prove() == []


@given(events, st.integers(1, 5))
def test_the_head_can_be_deleted_and_folded_from_the_pages_again(
    made: list[Usage], size: int
) -> None:
    ledger = Ledger()
    for first in range(0, len(made), size):
        ledger.commit(*made[first : first + size])
    folded = fold(Head(LEDGER), ledger.pages)
    assert replace(folded, diagnostics=ledger.head.diagnostics) == ledger.head


def test_a_hold_less_the_same_hold_is_nothing() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.HELD))
    state = ledger.pages[0].entries[0].state
    assert Holds().plus(state, 1).plus(state, -1) == Holds()


def test_the_slot_edge_belongs_to_the_later_slot() -> None:
    at = parse_instant("2026-11-20T11:50:00Z")
    ledger = Ledger()
    ledger.commit(usage("a", time=at - 1), usage("b", time=at))
    assert [page.slot for page in ledger.pages] == [slot_of(at) - 1, slot_of(at)]


def moved(id_: str = "moved", *, slots: int = 5) -> Usage:
    """Return a hold whose time is some slots after that of its counts."""
    return usage(id_, evidence=Evidence.HELD, digest="h", time=AT + slots * SLOT)


def placed(ledger: Ledger) -> list[tuple[str, Instant, Kind]]:
    return [
        (entry.id, entry.time, entry.state.kind) for page in ledger.pages for entry in page.entries
    ]


@pytest.mark.parametrize("others", [[], ["x"], ["x", "y"]])
def test_counts_of_one_batch_stand_at_their_own_time_if_the_hold_was_moved(
    others: list[str],
) -> None:
    ledger = Ledger()
    beside = [usage(id_, time=AT + 5 * SLOT) for id_ in others]
    done = ledger.commit(moved(), *beside, usage("moved"))
    assert answers(done) == (2 + len(others), 0, 0)
    assert ("moved", AT, Kind.USAGE) in placed(ledger)
    assert len(placed(ledger)) == 1 + len(others)
    assert ledger.balance.held_requests == 0
    # Delivered again they change nothing.
    again = ledger.commit(moved(), *beside, usage("moved"))
    assert answers(again) == (0, 2 + len(others), 0)
    assert ledger.prove() == []


def test_a_moved_hold_does_not_keep_counts_from_the_hold_that_was_written() -> None:
    ledger = Ledger()
    ledger.commit(usage("moved", evidence=Evidence.HELD, digest="h"))
    ledger.commit(moved(), usage("moved"))
    assert placed(ledger) == [("moved", AT, Kind.HOLD), ("moved", AT, Kind.USAGE)]
    assert (ledger.balance.total.requests, ledger.balance.held_requests) == (1, 0)
    assert ledger.prove() == []


def test_a_hold_of_a_neighbouring_slot_gives_its_time_as_before() -> None:
    ledger = Ledger()
    ledger.commit(moved(slots=1), usage("moved"))
    assert placed(ledger) == [("moved", AT + SLOT, Kind.USAGE)]


STAND_IN = "user:00000000-0000-0000-0000-000000000063"


def test_the_gateways_event_corrects_what_somebody_else_said_of_its_request() -> None:
    ledger = Ledger()
    nothing = usage(digest="s", producer=STAND_IN, buckets=from_names({}))
    assert answers(ledger.commit(nothing)) == (1, 0, 0)
    assert answers(ledger.commit(usage(digest="g"))) == (1, 0, 0)
    correction = ledger.pages[1].entries[0]
    assert correction.state.kind is Kind.CORRECTION
    assert correction.state.dimensions.producer is None
    assert correction.supersedes.state.dimensions.producer == STAND_IN
    # 1,000 x 2.5 + 100 x 10 per million
    assert ledger.amount == "0.0035"
    assert ledger.prove() == []


def test_the_gateways_stream_waits_for_its_counts_whatever_was_said_of_it_before() -> None:
    ledger = Ledger()
    ledger.commit(usage(digest="s", producer=STAND_IN))
    held = usage(evidence=Evidence.HELD, digest="h")
    assert answers(ledger.commit(held)) == (1, 0, 0)
    assert ledger.amount == "0"
    assert ledger.prove() == []
    assert answers(ledger.commit(usage(digest="g"))) == (1, 0, 0)
    kinds = [page.entries[0].state.kind for page in ledger.pages]
    assert kinds == [Kind.USAGE, Kind.HOLD, Kind.USAGE]
    assert (ledger.amount, ledger.prove()) == ("0.0035", [])


def test_nobody_corrects_what_the_gateway_said() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.ESTIMATED, digest="g"))
    better = usage(digest="s", producer=STAND_IN, buckets=from_names({}))
    assert ledger.commit(better).conflicts == (better,)
    same = usage(digest="g", producer=STAND_IN)
    assert answers(ledger.commit(same)) == (0, 1, 0)
    assert ledger.amount == "0.0035"


def test_a_producer_completes_its_own_request_also_where_the_api_did_not_name_it_before() -> None:
    ledger = Ledger()
    ledger.commit(usage(evidence=Evidence.ESTIMATED, digest="e", source="/app/search"))
    assert answers(ledger.commit(usage(digest="f", producer="app:1", source="/app/search"))) == (
        1,
        0,
        0,
    )


_GATEWAYS = [
    usage(evidence=Evidence.HELD, digest="h", buckets=from_names({"input": 7})),
    usage(evidence=Evidence.ABSENT, digest="a", buckets=from_names({})),
    usage(evidence=Evidence.TOTALS, digest="t"),
    usage(digest="f", buckets=DETAILED),
]
_STAND_INS = [
    usage(
        evidence=rank, digest=f"s{count}", producer=STAND_IN, buckets=from_names({"input": count})
    )
    for rank in (Evidence.HELD, Evidence.ESTIMATED, Evidence.FULL)
    for count in (0, 9)
]


@given(
    gateways=st.lists(st.sampled_from(_GATEWAYS), min_size=1),
    stand_ins=st.lists(st.sampled_from(_STAND_INS)),
    data=st.data(),
)
def test_in_any_order_and_batches_the_state_is_the_gateways(
    gateways: list[Usage], stand_ins: list[Usage], data: st.DataObject
) -> None:
    alone, mixed = Ledger(), Ledger()
    for one in gateways:
        alone.commit(one)
    waiting = data.draw(st.permutations([*gateways, *stand_ins]))
    while waiting:
        size = data.draw(st.integers(1, len(waiting)))
        mixed.commit(*waiting[:size])
        waiting = waiting[size:]
    (found,), (expected,) = _latest(mixed), _latest(alone)
    assert (found.evidence, found.dimensions.producer) == (expected.evidence, None)
    if not found.is_hold:
        # What a hold expects follows from the streams before it.
        assert (found.buckets, found.amount) == (expected.buckets, expected.amount)
    assert mixed.balance.total.requests == alone.balance.total.requests
    assert mixed.amount == alone.amount
    assert mixed.prove() == []


def _latest(ledger: Ledger) -> list[State]:
    entries = {entry.key: entry for page in ledger.pages for entry in page.entries}
    return [entry.state for entry in entries.values()]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, None),
        ({"model": "gpt-99", "not_understood": "oddity"}, "not_understood"),
        ({"model": "gpt-99"}, "no_price"),
    ],
)
def test_a_request_without_a_price_says_why(changes: dict[str, Any], why: str | None) -> None:
    ledger = Ledger()
    ledger.commit(usage(**changes))
    assert ledger.pages[0].entries[0].state.why_unpriced == why
