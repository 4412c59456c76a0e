"""Withdrawals: what counts twice is taken back by an entry of its own, once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from metering.core.calendars.periods import SLOT, LedgerId, month_of
from metering.core.ledger.commit import KnownBySlot, plan_commit
from metering.core.ledger.counts import change_to
from metering.core.ledger.double_counts import Elsewhere, Identities, Named, hash_of
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.ledger.page import Page, read_page
from metering.core.ledger.proof import Proof
from metering.core.ledger.withdrawal import ActiveEntries, PlanWithdrawal
from metering.core.plans.quota import Quota
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, NOW, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
rate = rating()


def committed(*batches: list[Usage], change: LimitChange | None = None) -> tuple[Head, list[Page]]:
    """Return a ledger in which each batch is a commit that knows of no other."""
    head, made = Head(LEDGER), list[Page]()
    for batch in batches:
        done = plan_commit(head, {}, batch, rate, NOW, change=change)
        head, change = done.head, None
        made.extend(done.pages)
    return head, made


def known_in(pages: list[Page]) -> KnownBySlot:
    known: dict[int, dict[tuple[str, str, str], tuple[Page, int]]] = {}
    for page in pages:
        for row, entry in enumerate(page.entries):
            known.setdefault(page.slot, {})[entry.key] = (page, row)
    return known


def taken_back(head: Head, pages: list[Page], id_: str = "a") -> tuple[Head, list[Page]]:
    """Return the ledger after all but the first entry of an id were taken back."""
    entries = ActiveEntries(id_)
    for page in pages:
        entries.add(page)
    for active in entries.found().values():
        for one in active[1:]:
            plan = PlanWithdrawal(one)
            done = plan(head, known_in(pages), [usage(id_, time=one.entry.time)], rate, NOW)
            assert done.contents
            head, pages = done.head, [*pages, *done.pages]
    return head, pages


def faults(head: Head, pages: list[Page]) -> list[str]:
    proof = Proof(LEDGER)
    for page in pages:
        proof.add(page)
    proof.compare(head)
    named = Named(proof.doubts)
    for page in pages:
        named.add(page)
    return [*proof.faults, *named.faults()]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_after_taking_back_an_id_counts_once_whatever_its_slots_were(slots: list[int]) -> None:
    """The totals are those of one request, and the proof holds."""
    head, pages = committed(*[[usage("a", time=AT + 2 * slot * SLOT)] for slot in slots])
    head, pages = taken_back(head, pages)
    once, _ = committed([usage("a")])
    assert head.lines == once.lines
    assert faults(head, pages) == []


def test_a_withdrawal_is_planned_once_and_read_back_as_written() -> None:
    head, pages = committed([usage("a")], [usage("a", time=AT + 3 * SLOT)])
    entries = ActiveEntries("a")
    for page in pages:
        entries.add(page)
    ((_, second),) = entries.found().values()
    plan = PlanWithdrawal(second)
    again = usage("a", time=second.entry.time)
    done = plan(head, known_in(pages), [again], rate, NOW)
    assert (done.accepted, len(done.pages)) == (1, 1)
    assert read_page(from_json(done.contents[0]), LEDGER) == done.pages[0]
    repeated = plan(done.head, known_in([*pages, *done.pages]), [again], rate, NOW)
    assert (repeated.accepted, repeated.duplicates, repeated.pages) == (0, 1, ())


@pytest.mark.parametrize("metric", ["requests", "tokens", "amount"])
def test_quotas_count_what_is_left(metric: str) -> None:
    quota = Quota.model_validate({"metric": metric, "window": "period", "limit": "1000000"})
    change = change_to(Limits("UTC", (quota,), end=month_of(AT).end), NOW, LEDGER.start)
    twice, pages = committed([usage("a")], [usage("a", time=AT + 3 * SLOT)], change=change)
    head, _ = taken_back(twice, pages)
    once, _ = committed([usage("a")], change=change)
    used = [counter.used for counter in head.counts.used.values()]
    assert used == [counter.used for counter in once.counts.used.values()]
    assert used != [counter.used for counter in twice.counts.used.values()]


def test_an_id_in_two_ledgers_is_named_in_both_until_one_is_taken_back() -> None:
    _, pages = committed([usage("a"), usage("b")])
    october = LedgerId("acme", month_of(LEDGER.start - 1).start)
    done = plan_commit(Head(october), {}, [usage("a", time=LEDGER.start - 1)], rate, NOW)
    both, key = Identities(), usage("a").key
    for some in (pages, done.pages):
        one = Identities()
        for page in some:
            one.add(page)
        assert not one.doubts()
        both.extend(one)
    assert both.doubts().keys == {hash_of(key)}
    elsewhere = Elsewhere(both.doubts().keys)
    for page in (*pages, *done.pages):
        elsewhere.add(page)
    assert elsewhere.faults() == {
        LEDGER: [f"id 'a' of /apim/test counts in {october} too"],
        october: [f"id 'a' of /apim/test counts in {LEDGER} too"],
    }


def test_of_three_counts_those_that_are_left_are_named() -> None:
    head, pages = committed(*[[usage("a", time=AT + 3 * n * SLOT)] for n in range(3)])
    entries = ActiveEntries("a")
    for page in pages:
        entries.add(page)
    ((_, second, _),) = entries.found().values()
    again = usage("a", time=second.entry.time)
    done = PlanWithdrawal(second)(head, known_in(pages), [again], rate, NOW)
    assert faults(done.head, [*pages, *done.pages]) == [
        "page 3 row 0: id 'a' counts again (first on page 1)"
    ]


def test_a_correction_of_an_id_counts_nowhere_else() -> None:
    weak = usage("a", evidence=Evidence.TOTALS)
    first = plan_commit(Head(LEDGER), {}, [weak], rate, NOW)
    better = plan_commit(first.head, known_in([*first.pages]), [usage("a")], rate, NOW)
    elsewhere = Elsewhere(frozenset({hash_of(weak.key)}))
    for page in (*first.pages, *better.pages):
        elsewhere.add(page)
    assert elsewhere.faults() == {}
