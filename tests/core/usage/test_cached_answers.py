"""Events of responses that a cache of the gateway gave: whatever they say, no model was asked."""

from typing import Any

import pytest

from metering.core.usage.evidence import Evidence
from metering.core.usage.usage_reader import UsageReader
from tests.builders import NOW, body


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"data__tokens": "absent", "data__usage": None},
        {"data__tokens": "pending", "data__usage": None, "data__hold": {"max_output_tokens": 9}},
        {"data__model": "a-model-without-a-price"},
        {"data__tool_calls": {"web_search_call": 3}},
    ],
)
def test_a_hit_has_no_tokens_and_waits_for_none(said: Any) -> None:
    read = UsageReader().read_all(body(data__cache="hit", **said), NOW)
    assert (sum(read.usage.buckets), read.meters) == (0, ())
    assert (read.usage.evidence, read.usage.dimensions.cache) == (Evidence.FULL, "hit")


@pytest.mark.parametrize("cache", ["miss", "none", None])
def test_anything_but_a_hit_is_kept_and_counts_as_if_nothing_were_said(cache: str | None) -> None:
    read = UsageReader().read(body(data__cache=cache), NOW)
    assert read.dimensions.cache == cache
    # Its digest too: an event that an earlier version counted is still its own repeat.
    plain = UsageReader().read(body(), NOW)
    assert read._replace(dimensions=plain.dimensions) == plain
    assert read.digest != UsageReader().read(body(data__cache="hit"), NOW).digest
