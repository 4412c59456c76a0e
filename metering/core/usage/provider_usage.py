"""Providers' usage objects, read into disjoint buckets and the counts of other meters.

Parts and their wholes (OpenAI's and Anthropic's published types, 2026-10; other makers' recorded
responses, 2026-11):

- Chat completions: cached, audio, image and cache-write tokens are inside `prompt_tokens`; audio,
  image and prediction tokens are inside `completion_tokens`. Reasoning is inside where prompt and
  completion add up to the total, and beside it where only the three do. So with audio and the
  prompt (Mistral).
- Responses, realtime and transcription: the same, under `input_tokens` and `output_tokens`.
- Embeddings: `prompt_tokens` alone.
- Anthropic messages: cache reads and writes stand beside `input_tokens`; the total of the writes
  contains its split by lifetime. `iterations` are all that was charged.
- Details go by the names that makers use: `prompt_tokens_details`, `input_token_details` and so on.
- A total alone is the input of an embedding or a rerank (Voyage, OpenRouter).
- Gemini, Bedrock and Cohere write in words of their own: `native_usage`.

Rules that depend on the model stand in `families`. A cost that no rule understands leaves the
request without a price, with the field's name as the reason.
"""

from typing import Final

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.anthropic_usage import (
    all_iterations,
    is_anthropic,
    iterations_unexplained,
    side_by_side,
)
from metering.core.usage.buckets import INDEX, NO_TOKENS, TOKENS, Buckets, from_names
from metering.core.usage.common_usage import common_buckets
from metering.core.usage.families import FAMILIES, Family
from metering.core.usage.native_usage import native_reading
from metering.core.usage.reading import Reading
from metering.core.usage.usage_details import MAX_TOKENS, Count
from metering.core.usage.usage_fees import (
    COUNTED_ALONE,
    UNIT_OF_METER,
    WITHOUT_TOKENS,
    beside,
    millionths,
)
from metering.core.usage.usage_object import ProviderUsage
from metering.core.usage.whole_usage import Whole, must_reach, whole_and_parts

__all__ = [
    "MAX_TOKENS",
    "UNIT_OF_METER",
    "WITHOUT_TOKENS",
    "Count",
    "ProviderUsage",
    "Reading",
    "disjoint_buckets",
    "read_usage",
]


#: xAI alone counts the sources of a search, also where no model is named.
_GROK: Final = next(family for family in FAMILIES if family.name == "grok")


def disjoint_buckets(usage: ProviderUsage, family: Family | None = None) -> Buckets:
    """Return the tokens of `usage` by bucket; see `read_usage` for what else it may say."""
    return read_usage(usage, family).buckets


def read_usage(usage: ProviderUsage, family: Family | None = None) -> Reading:
    """Return the tokens of `usage` by bucket, and everything else in it that may cost something.

    The sum of the token buckets is the provider's total where it gives one.

    Raises RejectedEvent: `usage_unrecognised` for an object of no known shape or of two at once,
    `usage_inconsistent` where a part is larger than its whole or the parts miss the total.
    """
    if family is None:
        common = common_buckets(usage)
        if common is not None:
            return Reading(common)
    if usage.__pydantic_extra__:
        native = native_reading(usage, family)
        if native is not None:
            return native
    usage = _one_spelling(usage)
    if usage.prompt_tokens is None and usage.input_tokens is None:
        return _without_tokens(usage)
    if usage.input_tokens is not None and is_anthropic(usage):
        counted = side_by_side(usage)
        unexplained = iterations_unexplained(usage)
        counts = all_iterations(usage) or counted
    else:
        counts, surplus = whole_and_parts(Whole.of(usage), family or _family_shown(usage))
        return _reading(usage, counts, surplus)
    must_reach(usage.total_tokens, counted)
    return _reading(usage, counts, 0, unexplained)


def _family_shown(usage: ProviderUsage) -> Family | None:
    """Return the family of models that an object shows by a field that is theirs alone."""
    return None if usage.num_sources_used is None else _GROK


def _one_spelling(usage: ProviderUsage) -> ProviderUsage:
    """Return a usage object that gives its counts under one name, where both names agree."""
    if usage.prompt_tokens is None or usage.input_tokens is None:
        return usage
    if usage.prompt_tokens != usage.input_tokens or (
        usage.completion_tokens is not None
        and usage.output_tokens is not None
        and usage.completion_tokens != usage.output_tokens
    ):
        raise RejectedEvent(Code.USAGE_UNRECOGNISED, "usage has prompt_tokens and input_tokens")
    if usage.cache_read_input_tokens or usage.cache_creation_input_tokens:
        raise RejectedEvent(
            Code.USAGE_UNRECOGNISED, "usage mixes prompt_tokens with Anthropic's cache fields"
        )
    completion = usage.completion_tokens if usage.output_tokens is None else usage.output_tokens
    changes = {"input_tokens": None, "completion_tokens": completion, "output_tokens": None}
    return usage.model_copy(update=changes)


def _without_tokens(usage: ProviderUsage) -> Reading:
    """Read a request that is charged by the second, the character, the image, or by input alone."""
    given = [
        (unit, size, value)
        for field, _, unit, size in COUNTED_ALONE
        if (value := getattr(usage, field)) is not None
    ]
    if not given and usage.total_tokens and usage.output_tokens is usage.completion_tokens is None:
        return _reading(usage, from_names({"input": usage.total_tokens}), 0)
    if len(given) != 1 or usage.total_tokens:
        raise RejectedEvent(
            Code.USAGE_UNRECOGNISED, "usage has neither prompt_tokens nor input_tokens"
        )
    ((unit, size, value),) = given
    buckets = (*NO_TOKENS[TOKENS], millionths(value, size))
    return Reading(buckets, unit, *beside(usage))


def _reading(
    usage: ProviderUsage, counts: Buckets, surplus: int, unexplained: str | None = None
) -> Reading:
    meters, not_understood = beside(usage)
    for field, meter, _, size in COUNTED_ALONE:
        value = getattr(usage, field)
        if value:
            meters += ((meter, millionths(value, size)),)
    if usage.prompt_audio_seconds and not counts[INDEX["input_audio"]]:
        meters += (("audio_seconds", millionths(usage.prompt_audio_seconds)),)
    return Reading(counts, None, meters, unexplained or not_understood, surplus)
