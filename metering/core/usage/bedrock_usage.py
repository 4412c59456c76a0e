"""Bedrock's counts: Converse, the bodies and headers of InvokeModel, and the ends of its streams.

Cache reads and writes stand beside the input, in bodies and headers alike, and `cacheDetails`
splits the writes by lifetime (AWS's reference; recorded responses, 2026-11). Where a total counts
them once only if they stand inside the input, the total decides. Two spellings of a count are one.
"""

from collections.abc import Mapping
from typing import Any, Final

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import from_names
from metering.core.usage.native_fields import NativeFields
from metering.core.usage.reading import Reading
from metering.core.usage.usage_details import snake

METRICS: Final = "amazon-bedrock-invocationMetrics"
_HEADER: Final = "x_amzn_bedrock_"
_INPUT: Final = (
    "input_tokens",
    "input_token_count",
    f"{_HEADER}input_token_count",
    "input_text_token_count",
    "prompt_token_count",
)
_OUTPUT: Final = (
    "output_tokens",
    "output_token_count",
    f"{_HEADER}output_token_count",
    "total_output_text_token_count",
    "generation_token_count",
)
_READ: Final = (
    "cache_read_input_tokens",
    "cache_read_input_token_count",
    f"{_HEADER}cache_read_input_token_count",
)
_WRITE: Final = (
    "cache_write_input_tokens",
    "cache_write_input_token_count",
    f"{_HEADER}cache_write_input_token_count",
)
_OWN_NAMES: Final = frozenset(
    {
        "inputTokens",
        "outputTokens",
        "inputTokenCount",
        "outputTokenCount",
        "inputTextTokenCount",
        "totalOutputTextTokenCount",
        "generation_token_count",
        METRICS,
    }
)
#: An object that counts its input in one of these has no output: embeddings.
_WITHOUT_OUTPUT: Final = frozenset({f"{_HEADER}input_token_count", "input_text_token_count"})
#: Parts of a text's answer: without a count of its output it is incomplete.
_TEXT: Final = ("output_text", "index", "completion_reason", "generation", "stop_reason", "results")
#: Numbers that are an answer, not a count.
_VECTORS: Final = ("embedding", "embeddings_by_type")
_LIFETIMES: Final = {"5m": "cache_write", "1h": "cache_write_long"}


def is_bedrock(given: Mapping[str, Any]) -> bool:
    """Say whether Bedrock, or one of its own models, names a count so."""
    return not _OWN_NAMES.isdisjoint(given) or any(
        snake(name).startswith(_HEADER) and name.lower().endswith("-token-count") for name in given
    )


def bedrock_reading(given: Mapping[str, Any]) -> Reading:
    """Return what an object of Bedrock's counts says; RejectedEvent where it is incomplete."""
    fields = NativeFields(_with_metrics(given))
    read, write = fields.count(*_READ) or 0, fields.count(*_WRITE)
    taken, made = fields.count(*_INPUT), fields.count(*_OUTPUT)
    if made is None:
        made = _results(fields)
    if taken is None or (made is None and not _is_embedding(fields)):
        raise RejectedEvent(
            Code.USAGE_MISSING,
            f"usage has no count of its {'input' if taken is None else 'output'}",
        )
    made = made or 0
    writes, unexplained = _writes(fields, write)
    cached = read + sum(writes.values())
    total = fields.count("total_tokens")
    if total is not None and cached and cached <= taken and total == taken + made:
        taken -= cached
    if total not in (None, taken + cached + made):
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT,
            f"the parts add up to {taken + cached + made}, totalTokens is {total}",
        )
    for name in (*_TEXT, *_VECTORS):
        fields.get(name)
    counts = {"input": taken, "cached_read": read, **writes, "output": made}
    return Reading(from_names(counts), not_understood=unexplained or fields.unread())


def _with_metrics(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object with the metrics that Bedrock adds to the last event of a stream."""
    metrics = given.get(METRICS)
    if not isinstance(metrics, Mapping):
        return {name: value for name, value in given.items() if name != METRICS}
    # What stands in objects beside them is the model's own event, which they repeat.
    plain = {name: value for name, value in given.items() if not isinstance(value, Mapping | list)}
    return {**plain, **metrics}


def _is_embedding(fields: NativeFields) -> bool:
    counted = any(fields.get(name) is not None for name in _WITHOUT_OUTPUT)
    return counted and all(fields.get(name) is None for name in _TEXT)


def _results(fields: NativeFields) -> int | None:
    """Return the output of Titan, which counts each of its results."""
    counts = [NativeFields(item).count("token_count") for _, item in fields.items("results")]
    known = [count for count in counts if count is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _writes(fields: NativeFields, total: int | None) -> tuple[dict[str, int], str | None]:
    """Return the tokens written to a cache by lifetime, each once."""
    writes, unexplained = {"cache_write": 0, "cache_write_long": 0}, None
    for place, item in fields.items("cache_details"):
        part = NativeFields(item)
        tokens, lifetime = part.count("input_tokens") or 0, str(part.get("ttl"))
        writes[_LIFETIMES.get(lifetime, "cache_write")] += tokens
        if tokens and lifetime not in _LIFETIMES:
            unexplained = f"{place}.{lifetime}"
    rest = 0 if total is None else total - sum(writes.values())
    if rest < 0:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"cache writes by lifetime exceed their total of {total}"
        )
    writes["cache_write"] += rest
    return writes, unexplained
