"""The past of a tenant: holds are what streams turned out to use, and pages give it again."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json

from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import MINUTE, SECOND
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import Known, commit_of, plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.limits import NO_LIMITS, LimitChange
from metering.core.ledger.page import Page, read_page
from metering.core.ledger.past import (
    LEAST_STREAMS,
    MAX_MODELS,
    MAX_STREAMS,
    NO_PAST,
    START_DELAY,
    START_OUTPUT,
    Past,
    Streams,
    expected,
    median,
    usual_delay,
    with_number,
)
from metering.core.ledger.proof import Proof
from metering.core.usage.buckets import NO_TOKENS, by_name, from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import EventKey, Usage
from tests.builders import AT, NOW, price_book, rating, usage

LEDGER = LedgerId("acme", month_of(AT).start)
RATE = rating(price_book({}))


def stream(name: str, prompt: int = 100, most: int = 0, **changes: Any) -> Usage:
    """Return the request record of a stream."""
    buckets = from_names({"input": prompt, "output": most})
    return usage(name, evidence=Evidence.HELD, digest="held", buckets=buckets, **changes)


def counts(name: str, **changes: Any) -> Usage:
    return usage(name, evidence=Evidence.TOTALS, **changes)


class Book:
    """A ledger with its pages, begun with a past or as ledgers were before."""

    def __init__(self, past: Past | None = NO_PAST) -> None:
        self.head = Head(LEDGER)
        self.pages: list[Page] = []
        self._first = None if past is None else LimitChange(NO_LIMITS, past=past)

    def commit(self, *usages: Usage, now: int = NOW) -> None:
        known: dict[int, dict[EventKey, Known]] = {}
        for page in self.pages:
            for row, entry in enumerate(page.entries):
                known.setdefault(page.slot, {})[entry.key] = (page, row)
        change, self._first = self._first, None
        made = plan_commit(self.head, known, usages, RATE, now, change=change)
        self.head = made.head
        self.pages.extend(made.pages)

    def settle(self, number: int, output: int, *, prefix: str = "s", **more: int) -> None:
        """Commit streams, then their counts."""
        names = [f"{prefix}-{n}" for n in range(number)]
        self.commit(*(stream(name) for name in names))
        buckets = from_names({"input": 100, "output": output, **more})
        self.commit(*(counts(name, buckets=buckets) for name in names))

    def held(self) -> dict[str, int]:
        """Return the tokens of the last entry."""
        return by_name(self.pages[-1].entries[-1].state.buckets)


def test_a_stream_without_a_past_is_held_for_the_start_value_or_its_maximum() -> None:
    book = Book()
    book.commit(stream("a"))
    assert book.held() == {"input": 100, "output": START_OUTPUT}
    book.commit(stream("b", most=32_000))
    assert book.held() == {"input": 100, "output": START_OUTPUT}
    book.commit(stream("c", most=20))
    assert book.held() == {"input": 100, "output": 20}


def test_a_stream_is_held_for_what_the_streams_of_its_model_turned_out_to_use() -> None:
    book = Book()
    book.settle(LEAST_STREAMS - 1, 40)
    book.commit(stream("a", most=64_000))
    assert book.held() == {"input": 100, "output": START_OUTPUT}
    book.settle(1, 40, prefix="t")
    book.commit(stream("b", most=64_000), stream("c"))
    # 8 numbers between 32 and 63: the median of an even spread is 32 + 32 / 2.
    assert book.held() == {"input": 100, "output": 48}
    book.commit(stream("d", most=10))
    assert book.held() == {"input": 100, "output": 10}


def test_another_model_has_a_past_of_its_own() -> None:
    book = Book()
    book.settle(LEAST_STREAMS, 40)
    book.commit(stream("a", model="other"))
    assert book.held() == {"input": 100, "output": START_OUTPUT}


def test_a_prompt_is_divided_as_prompts_were_and_keeps_its_length() -> None:
    book = Book()
    # Of 400 tokens of the prompt 300 came from the cache; of 40 of the answer 10 were reasoning.
    book.settle(LEAST_STREAMS, 30, cached_read=300, reasoning=10)
    book.commit(stream("a", prompt=1_000))
    assert book.held() == {"input": 250, "cached_read": 750, "output": 36, "reasoning": 12}


def test_streams_that_were_never_counted_or_not_served_teach_nothing() -> None:
    book = Book()
    names = [f"s-{n}" for n in range(LEAST_STREAMS)]
    book.commit(*(stream(name) for name in names))
    book.commit(*(usage(name, evidence=Evidence.MISSING, buckets=NO_TOKENS) for name in names))
    book.commit(*(counts(f"t-{n}") for n in range(LEAST_STREAMS)))
    book.commit(stream("u"))
    book.commit(counts("u", status=429, buckets=NO_TOKENS))
    assert book.head.counts.past == NO_PAST


def test_a_ledger_of_before_learns_nothing_until_it_takes_over_a_past() -> None:
    book = Book(past=None)
    book.settle(LEAST_STREAMS, 40)
    book.commit(stream("a"))
    assert book.head.counts.past is None
    assert book.held() == {"input": 100, "output": START_OUTPUT}
    past = Past({"gpt-4o": Streams(with_number((), 5)).plus(NO_TOKENS)})
    change = LimitChange(NO_LIMITS, past=past)
    assert commit_of(book.head, {}, NOW, change).pages == ()
    made = plan_commit(book.head, {}, [stream("b")], RATE, NOW, change=change)
    assert made.head.counts.past == past


def test_of_the_longest_pasts_the_older_half_is_forgotten() -> None:
    one = Streams()
    for _ in range(MAX_STREAMS):
        one = one.plus(from_names({"input": 10, "output": 1_000}))
    assert (one.number, one.tokens[0]) == (MAX_STREAMS // 2, MAX_STREAMS * 10 // 2)
    for _ in range(MAX_STREAMS // 2 + 1):
        one = one.plus(from_names({"input": 10, "output": 10}))
    assert median(one.lengths) < 16


def test_a_model_more_than_there_is_room_for_takes_the_place_of_the_least_used() -> None:
    book = Book()
    book.settle(2, 40)
    for number in range(MAX_MODELS):
        book.commit(stream(f"m-{number}", model=f"model-{number:02}"))
        book.commit(counts(f"m-{number}", model=f"model-{number:02}"))
    past = book.head.counts.past
    assert past is not None
    assert len(past.streams) == MAX_MODELS
    assert "gpt-4o" in past.streams
    assert "model-00" not in past.streams


def test_the_usual_delay_is_the_median_from_request_to_commit() -> None:
    book = Book()
    assert usual_delay(book.head.counts.past) == START_DELAY == 120 * SECOND
    names = [f"s-{n}" for n in range(MAX_STREAMS)]
    book.commit(*(stream(name) for name in names))
    # Seven after 200 s are too few to tell; with 249 more the older half is forgotten.
    book.commit(*(counts(name) for name in names[:7]), now=AT + 200 * SECOND)
    assert usual_delay(book.head.counts.past) == START_DELAY
    book.commit(*(counts(name) for name in names[7:]), now=AT + 300 * SECOND)
    past = book.head.counts.past
    assert past is not None
    # Commits never go back before NOW, a quarter of an hour after the requests: 512 to 1,023 s.
    assert (sum(past.delays), usual_delay(past)) == (MAX_STREAMS // 2, 768 * SECOND)
    assert 15 * MINUTE == NOW - AT


def test_a_spread_without_numbers_has_no_median() -> None:
    with pytest.raises(InvariantBroken):
        median(())


@given(st.lists(st.integers(0, 10**12), min_size=1))
def test_a_median_is_within_its_power_of_two(numbers: list[int]) -> None:
    spread: tuple[int, ...] = ()
    for number in numbers:
        spread = with_number(spread, number)
    middle = sorted(numbers)[(len(numbers) - 1) // 2]
    bits = min(middle.bit_length(), 31)
    assert median(spread).bit_length() in {bits, bits + 1}


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.lists(st.integers(0, 10**6), max_size=20))
def test_a_hold_keeps_the_prompt_and_never_exceeds_a_maximum(
    prompt: int, most: int, outputs: list[int]
) -> None:
    streams = Streams()
    for output in outputs:
        streams = streams.plus(from_names({"cached_read": output // 2, "output": output}))
    made = expected(Past({"gpt-4o": streams}), "gpt-4o", stream("a", prompt, most))
    assert sum(made.buckets[:8]) == prompt
    assert not most or sum(made.buckets[8:12]) <= most


def test_pages_give_the_past_again_and_documents_keep_it() -> None:
    book = Book(Past({"gpt-4o": Streams().plus(from_names({"input": 3}))}, (0, 1)))
    book.settle(LEAST_STREAMS, 40, cached_read=300)
    book.commit(stream("a"))
    proof = Proof(LEDGER)
    for page in book.pages:
        proof.add(page)
    proof.compare(book.head)
    assert proof.faults == []
    assert read_head(from_json(write_head(book.head)), LEDGER) == book.head


def test_a_page_keeps_the_past_that_its_ledger_took_over() -> None:
    past = Past({"gpt-4o": Streams().plus(from_names({"input": 3, "output": 9}))}, (0, 1))
    made = plan_commit(
        Head(LEDGER), {}, [stream("a")], RATE, NOW, change=LimitChange(NO_LIMITS, past=past)
    )
    page = read_page(from_json(made.contents[0]), LEDGER)
    assert page.change == LimitChange(NO_LIMITS, past=past)
