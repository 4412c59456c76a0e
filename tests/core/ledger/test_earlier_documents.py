"""Documents written before 2026-11-30 stay readable, and are written again byte for byte.

Images from the cache and images made had no buckets of their own then, dimensions ended with their
unit, and weights were written for eleven buckets.
"""

import hashlib
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import from_json, to_json

from metering.core.calendars.periods import LedgerId, month_of, slot_of
from metering.core.ledger.entry import Entry, Kind, State
from metering.core.ledger.head import Head, RateTotals
from metering.core.ledger.head_document import read_head, write_head
from metering.core.ledger.page import GENESIS, rate_document, read_page, read_rate, seal
from metering.core.prices.rating import Rate
from metering.core.usage.buckets import (
    BUCKETS,
    by_position,
    from_names,
    from_positions,
)
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Dimensions, content_of, digested
from metering.core.usage.usage_reader import UsageReader
from tests.builders import AT, NOW, body, dimensions

LEDGER = LedgerId("acme", month_of(AT).start)
#: A rate of provisioned units as it was written: the weights of ten kinds of tokens, and a zero.
PROVISIONED = {
    "channel": "microsoft",
    "model": "gpt-4o",
    "multiplier": "1",
    "row": "contoso/chat/provisioned",
    "unit": "token",
    "units": {
        name: "0" for name in sorted(BUCKETS) if name not in {"cached_image", "output_image"}
    },
    "version": "deployments@2026-01-01T00:00:00Z",
    "weights": [*[1_000_000] * 7, 4_000_000, *[1_000_000] * 2, 0],
}


def test_weights_of_eleven_buckets_are_read_and_written_as_they_were() -> None:
    rate = read_rate(PROVISIONED)

    weights = dict(zip(BUCKETS, rate.weights or (), strict=True))
    assert (weights["output"], weights["input"], weights["quantity"]) == (4_000_000, 1_000_000, 0)
    assert weights["cached_image"] == weights["output_image"] == 1_000_000
    assert list(rate_document(rate)["weights"]) == PROVISIONED["weights"]
    assert rate_document(rate)["units"] == PROVISIONED["units"]


def test_a_head_with_such_a_rate_is_still_as_it_was_written() -> None:
    rate = read_rate(PROVISIONED)
    head = Head(LEDGER, lines={rate: RateTotals(1, 0, 0, 0, from_names({"input": 5, "output": 7}))})
    stored = from_json(write_head(head))
    assert stored["lines"][0]["weights"] == PROVISIONED["weights"]

    assert read_head(stored, LEDGER) == head


def test_a_page_whose_dimensions_end_with_their_unit_is_read() -> None:
    state = State(
        Kind.USAGE,
        Evidence.FULL,
        dimensions(),
        Rate("gpt-4o", "v1", "gpt-4o/global/any/standard", 10**6, (5,) * len(BUCKETS)),
        from_names({"input": 3}),
        15,
    )
    entry = Entry(("llm.usage.v1", "/apim/test", "r-1"), "d" * 16, AT, NOW, None, state, None)
    page, content = seal(LEDGER, slot_of(AT), [entry], number=1, previous=GENESIS, committed=NOW)
    document = json.loads(content)
    document["dimensions"] = [values[:19] for values in document["dimensions"]]
    # The hash covers what was written then.
    document["hash"] = _hash(document)

    assert read_page(document, LEDGER).entries == page.entries


def _hash(document: dict[str, object]) -> str:

    kept = {name: value for name, value in document.items() if name != "hash"}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_repeat_of_an_event_from_before_is_still_its_duplicate() -> None:
    # The digest that the reader of commit 47f9b10 gave this event.
    assert UsageReader().read(body(), NOW).digest == "34f9736d4b7ee80d"


def test_dimensions_that_say_nothing_new_are_digested_as_before() -> None:
    assert digested(dimensions()) == tuple(dimensions())[:19]
    told = dimensions(error="content_filter")
    assert digested(told) == tuple(told)[:22]
    stored = dimensions(cache="hit")
    assert digested(stored) == tuple(stored)[:23]
    told = dimensions(agent="coder")
    assert digested(told) == tuple(told)[:25]
    sent = dimensions(producer="app:1")
    assert digested(sent) == tuple(sent)[:26]
    summed = dimensions(revision=0)
    assert digested(summed) == tuple(summed)
    assert content_of(sent) == digested(dimensions())
    assert Dimensions(*to_json_list(dimensions())[:19]) == dimensions()


def to_json_list(of: Dimensions) -> list[Any]:
    values: list[Any] = from_json(to_json(of))
    return values


counts = st.tuples(*[st.integers(0, 10**9)] * len(BUCKETS))


@given(counts, st.sampled_from([0, 1_000_000]))
def test_values_by_position_are_read_back(values: tuple[int, ...], default: int) -> None:
    assert from_positions(by_position(values, default), default) == values


def test_positions_are_those_of_before_where_nothing_is_in_the_later_buckets() -> None:
    assert by_position(from_names({"input": 1, "output": 2, "quantity": 3})) == (
        *(1, 0, 0, 0, 0, 0, 0),
        *(2, 0, 0, 3),
    )
    assert len(by_position(from_names({"cached_image": 1}))) == len(BUCKETS)
