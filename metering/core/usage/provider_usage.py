"""Providers' usage objects, read into disjoint buckets.

What is a subset of what (OpenAI's and Anthropic's published types, 2026-10):

- Chat completions: cached, audio, image and cache-write tokens are inside `prompt_tokens`;
  reasoning, audio and predictions (accepted and rejected) are inside `completion_tokens`.
- Responses: the same, under `input_tokens` and `output_tokens`.
- Embeddings: `prompt_tokens` alone.
- Anthropic messages: cache reads and writes stand beside `input_tokens`; the total of the writes
  contains its split by lifetime.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import Buckets

#: No request has a billion tokens; a larger count is a fault of the producer.
MAX_TOKENS = 1_000_000_000

type Count = Annotated[int, Field(ge=0, le=MAX_TOKENS)]


class _Reported(BaseModel):
    """What a provider wrote: fields we do not know are its own business."""

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="ignore")


class CachedDetails(_Reported):
    """Which modality the cached tokens were (realtime and audio models)."""

    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class CacheWriteDetails(_Reported):
    """Cache writes of the Responses API by lifetime."""

    ttl_30m_tokens: Count | None = None
    ttl_12h_tokens: Count | None = None


class InputDetails(_Reported):
    """Parts of the prompt."""

    cached_tokens: Count | None = None
    cached_tokens_details: CachedDetails | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    cache_write_tokens_details: CacheWriteDetails | None = None


class OutputDetails(_Reported):
    """Parts of the completion; predictions are output, so they need no field."""

    reasoning_tokens: Count | None = None
    audio_tokens: Count | None = None


class CacheCreation(_Reported):
    """Anthropic's cache writes by lifetime."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class ProviderUsage(_Reported):
    """One usage object of any provider shape; `disjoint_buckets` tells which one it is."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None


def disjoint_buckets(usage: ProviderUsage) -> Buckets:
    """Return the tokens of `usage` by bucket; their sum is the provider's total where it gives one.

    Raises RejectedEvent: `usage_unrecognised` for an object of no known shape or of two at once,
    `usage_inconsistent` where a part is larger than its whole or the parts miss the total.
    """
    if usage.prompt_tokens is not None:
        if usage.input_tokens is not None:
            raise RejectedEvent(Code.USAGE_UNRECOGNISED, "usage has prompt_tokens and input_tokens")
        buckets = _whole_and_parts(
            usage.prompt_tokens,
            usage.prompt_tokens_details,
            usage.completion_tokens or 0,
            usage.completion_tokens_details,
        )
    elif usage.input_tokens is None:
        raise RejectedEvent(
            Code.USAGE_UNRECOGNISED, "usage has neither prompt_tokens nor input_tokens"
        )
    elif _is_anthropic(usage):
        buckets = _side_by_side(usage, usage.input_tokens)
    else:
        buckets = _whole_and_parts(
            usage.input_tokens,
            usage.input_tokens_details,
            usage.output_tokens or 0,
            usage.output_tokens_details,
        )
    total = usage.total_tokens
    if total is not None and sum(buckets) != total:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"the parts add up to {sum(buckets)}, total_tokens is {total}"
        )
    return buckets


def _is_anthropic(usage: ProviderUsage) -> bool:
    """Anthropic names its caches; without them its counts read the same as a Responses object."""
    caches = (
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_creation,
    )
    if caches == (None, None, None):
        return False
    if usage.input_tokens_details is not None:
        raise RejectedEvent(
            Code.USAGE_UNRECOGNISED,
            "usage mixes input_tokens_details with Anthropic's cache fields",
        )
    return True


def _whole_and_parts(
    prompt: int, prompt_parts: InputDetails | None, completion: int, parts: OutputDetails | None
) -> Buckets:
    cached = write = write_long = audio = cached_audio = image = 0
    if prompt_parts is not None:
        cached = prompt_parts.cached_tokens or 0
        audio = prompt_parts.audio_tokens or 0
        image = prompt_parts.image_tokens or 0
        write, write_long = _writes_by_lifetime(prompt_parts)
        split = prompt_parts.cached_tokens_details
        if split is not None:
            cached_audio = split.audio_tokens or 0
            audio -= cached_audio
            cached -= cached_audio
            image -= split.image_tokens or 0
    reasoning = output_audio = 0
    if parts is not None:
        reasoning = parts.reasoning_tokens or 0
        output_audio = parts.audio_tokens or 0
    plain = prompt - cached - write - write_long - audio - cached_audio - image
    output = completion - reasoning - output_audio
    if plain < 0 or output < 0 or audio < 0 or cached < 0 or image < 0:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, "a part of the prompt or completion is larger than its whole"
        )
    return (
        plain,
        cached,
        write,
        write_long,
        audio,
        cached_audio,
        image,
        output,
        reasoning,
        output_audio,
        0,
    )


def _writes_by_lifetime(parts: InputDetails) -> tuple[int, int]:
    split = parts.cache_write_tokens_details
    if split is None:
        return parts.cache_write_tokens or 0, 0
    return _split_writes(
        parts.cache_write_tokens, split.ttl_30m_tokens or 0, split.ttl_12h_tokens or 0
    )


def _side_by_side(usage: ProviderUsage, plain: int) -> Buckets:
    write, write_long = usage.cache_creation_input_tokens or 0, 0
    split = usage.cache_creation
    if split is not None:
        write, write_long = _split_writes(
            usage.cache_creation_input_tokens,
            split.ephemeral_5m_input_tokens or 0,
            split.ephemeral_1h_input_tokens or 0,
        )
    reasoning = 0
    if usage.output_tokens_details is not None:
        reasoning = usage.output_tokens_details.reasoning_tokens or 0
    output = (usage.output_tokens or 0) - reasoning
    if output < 0:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, "reasoning_tokens is larger than output_tokens"
        )
    cached = usage.cache_read_input_tokens or 0
    return (plain, cached, write, write_long, 0, 0, 0, output, reasoning, 0, 0)


def _split_writes(total: int | None, short: int, long: int) -> tuple[int, int]:
    """Return writes of the shortest or an unnamed lifetime, and the long ones; never both twice."""
    if total is None:
        return short, long
    if short + long > total:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"cache writes by lifetime exceed their total of {total}"
        )
    return total - long, long
