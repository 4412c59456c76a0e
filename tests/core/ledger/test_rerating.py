"""What re-rating writes for what it finds, whoever was there before."""

from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import KnownBySlot, plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.ledger.rerating import Candidates, Scope, as_usage, plan_rerating
from tests.builders import AT, NOW, price_book, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
BEFORE = rating()
AFTER = rating(price_book({}, {"model": "mystery"}))


def known(*pages: Page) -> KnownBySlot:
    found: dict[int, dict[tuple[str, str, str], tuple[Page, int]]] = {}
    for page in pages:
        for row, entry in enumerate(page.entries):
            found.setdefault(page.slot, {})[entry.key] = (page, row)
    return found


def test_an_entry_that_needs_no_correction_any_more_gets_none() -> None:
    first = plan_commit(Head(LEDGER), {}, [usage(model="mystery")], BEFORE, NOW)
    again = as_usage(first.pages[0].entries[0], NOW)
    once = plan_rerating(first.head, known(*first.pages), [again], AFTER, NOW)
    assert (once.accepted, once.duplicates) == (1, 0)
    both = known(*first.pages, *once.pages)
    twice = plan_rerating(once.head, both, [again], AFTER, NOW)
    assert (twice.accepted, twice.duplicates, twice.pages) == (0, 1, ())
    assert twice.head == once.head


def test_an_entry_that_is_not_there_gets_none() -> None:
    done = plan_rerating(Head(LEDGER), {}, [usage(model="mystery")], AFTER, NOW)
    assert (done.accepted, done.duplicates, done.pages) == (0, 1, ())


def test_what_was_corrected_on_a_later_page_is_no_candidate_any_more() -> None:
    first = plan_commit(Head(LEDGER), {}, [usage(model="mystery")], BEFORE, NOW)
    again = as_usage(first.pages[0].entries[0], NOW)
    second = plan_rerating(first.head, known(*first.pages), [again], AFTER, NOW)
    candidates = Candidates(AFTER, Scope.ALL, NOW)
    candidates.add(first.pages[0])
    assert len(candidates.found) == 1
    candidates.add(second.pages[0])
    assert candidates.found == {}
