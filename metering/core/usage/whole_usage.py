"""A prompt and a completion with their parts, as OpenAI and most others count."""

from collections.abc import Mapping
from typing import NamedTuple

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import TOKENS, Buckets, from_names
from metering.core.usage.families import Family
from metering.core.usage.usage_details import (
    CacheWriteDetails,
    InputDetails,
    OutputDetails,
    merged,
    writes_by_lifetime,
)
from metering.core.usage.usage_object import ProviderUsage


class Whole(NamedTuple):
    """A prompt and a completion, with what is said of their parts."""

    prompt: int
    completion: int
    total: int | None
    prompt_parts: InputDetails | None
    completion_parts: OutputDetails | None
    cached: int
    is_chat: bool
    reasoning: int
    """Named at the top level, not in the details."""
    reasons_apart: bool
    """That reasoning stands beside the completion, and perhaps outside the total (Perplexity)."""
    has_seconds: bool
    """Sound was counted in seconds; its tokens may stand in the total alone (Mistral)."""

    @classmethod
    def of(cls, usage: ProviderUsage) -> "Whole":
        """Return the counts of a usage object under whichever names it has."""
        is_chat = usage.prompt_tokens is not None
        prompt = usage.prompt_tokens if is_chat else usage.input_tokens
        completion = usage.completion_tokens
        if completion is None:
            completion = usage.output_tokens
        prompt_parts = merged(
            "details of the prompt",
            usage.prompt_tokens_details,
            usage.prompt_token_details,
            usage.input_tokens_details,
            usage.input_token_details,
        )
        completion_parts = merged(
            "details of the completion",
            usage.completion_tokens_details,
            usage.completion_token_details,
            usage.output_tokens_details,
            usage.output_token_details,
        )
        prompt_parts = _with_hidden_writes(usage, prompt_parts)
        cached = _agreed(
            None if prompt_parts is None else prompt_parts.cached_tokens,
            usage.cached_tokens,
            usage.num_cached_tokens,
            usage.prompt_cache_hit_tokens,
        )
        named = None if prompt_parts is None else prompt_parts.image_tokens
        if usage.image_tokens and usage.image_tokens != named:
            raise RejectedEvent(Code.USAGE_INCONSISTENT, "image_tokens: not those of the details")
        if usage.prompt_cache_miss_tokens and cached + usage.prompt_cache_miss_tokens != prompt:
            raise RejectedEvent(
                Code.USAGE_INCONSISTENT, "cache hits and misses do not add up to the prompt"
            )
        return cls(
            prompt or 0,
            completion or 0,
            usage.total_tokens,
            prompt_parts,
            completion_parts,
            cached,
            is_chat,
            usage.reasoning_tokens or 0,
            _reasons_apart(usage, completion_parts),
            bool(usage.prompt_audio_seconds),
        )


def _reasons_apart(usage: ProviderUsage, parts: OutputDetails | None) -> bool:
    """Say whether reasoning at the top level is no part of the completion.

    Perplexity's is not, by the prices in its objects. SGLang's is, unless it is larger.
    """
    apart = usage.reasoning_tokens or 0
    if not apart or (parts is not None and parts.reasoning_tokens == apart):
        return False
    searched = (usage.citation_tokens, usage.num_search_queries, usage.search_context_size)
    return searched != (None, None, None) or apart > (usage.completion_tokens or 0)


def _with_hidden_writes(usage: ProviderUsage, parts: InputDetails | None) -> InputDetails | None:
    """Return the prompt's details with the cache writes that Qwen's Responses name apart."""
    hidden = [
        writes_by_lifetime(detail.prompt_tokens_details)
        for detail in usage.x_details or ()
        if detail.prompt_tokens_details is not None
    ]
    short, long = (sum(counts) for counts in zip(*hidden, strict=True)) if hidden else (0, 0)
    if not short + long or (parts is not None and any(writes_by_lifetime(parts))):
        return parts
    split = CacheWriteDetails(ttl_12h_tokens=long)
    written = {"cache_write_tokens": short + long, "cache_write_tokens_details": split}
    return (parts or InputDetails()).model_copy(update=written)


def _agreed(*counts: int | None) -> int:
    """Return a count that is given under several names; RejectedEvent where they differ."""
    given = {count for count in counts if count}
    if len(given) > 1:
        raise RejectedEvent(Code.USAGE_INCONSISTENT, "cached tokens are given twice, differently")
    return given.pop() if given else 0


def whole_and_parts(whole: Whole, family: Family | None) -> tuple[Buckets, int]:
    """Return the buckets of a prompt and a completion, and the cached tokens beyond the prompt."""
    counts, surplus = _prompt_buckets(whole, family)
    counts |= _completion_buckets(whole, counts, family)
    if any(count < 0 for count in counts.values()):
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, "a part of the prompt or completion is larger than its whole"
        )
    buckets = from_names(counts)
    apart = counts["reasoning"] if whole.reasons_apart else 0
    if whole.total != sum(buckets[TOKENS]) - apart:
        must_reach(whole.total, buckets)
    return buckets, surplus


def _prompt_buckets(whole: Whole, family: Family | None) -> tuple[dict[str, int], int]:
    prompt, cached, parts = whole.prompt, whole.cached, whole.prompt_parts
    surplus = 0
    if family is not None and family.caches_beyond_prompt and cached > prompt:
        cached, surplus = 0, cached - prompt
    audio = image = cached_audio = cached_image = write = write_long = 0
    if parts is not None:
        audio, image = parts.audio_tokens or 0, parts.image_tokens or 0
        write, write_long = writes_by_lifetime(parts)
        split = parts.cached_tokens_details
        if split is not None and cached:
            cached_audio, cached_image = split.audio_tokens or 0, split.image_tokens or 0
    # Mistral's own API: 9 prompt, 375 audio and 248 completion tokens are 632 in total.
    if not audio and whole.has_seconds and whole.total is not None:
        # Its transcriptions: 4 prompt and 635 completion tokens of a total of 3,264.
        audio = max(0, whole.total - prompt - whole.completion)
    beside = audio > 0 and whole.total == prompt + whole.completion + audio
    counts = {
        "cached_read": cached - cached_audio - cached_image,
        "cache_write": write,
        "cache_write_long": write_long,
        "input_audio": audio - cached_audio,
        "cached_audio": cached_audio,
        "input_image": image - cached_image,
        "cached_image": cached_image,
    }
    inside = sum(counts.values()) - (audio if beside else 0)
    return {**counts, "input": prompt - inside}, surplus


def _completion_buckets(
    whole: Whole, prompt: Mapping[str, int], family: Family | None
) -> dict[str, int]:
    parts, completion = whole.completion_parts, whole.completion
    reasoning, audio, image = whole.reasoning, 0, 0
    if parts is not None:
        reasoning = reasoning or parts.reasoning_tokens or parts.thinking_tokens or 0
        audio, image = parts.audio_tokens or 0, parts.image_tokens or 0
    elif family is not None and family.paints:
        image = completion
    of_prompt = sum(prompt.values())
    if family is not None and family.reasons_beside and not reasoning and whole.total is not None:
        # Gateway logs and Gemini's OpenAI end point name the reasoning in the total alone.
        reasoning = max(0, whole.total - of_prompt - completion)
    plain = completion - audio - image
    if not whole.reasons_apart and not _reasons_beside(whole, of_prompt, reasoning, family):
        plain -= reasoning
    return {"output": plain, "reasoning": reasoning, "output_audio": audio, "output_image": image}


def _reasons_beside(whole: Whole, prompt: int, reasoning: int, family: Family | None) -> bool:
    """Say whether reasoning stands beside the completion: the total decides where it is given."""
    if whole.total is not None:
        return reasoning > 0 and prompt + whole.completion + reasoning == whole.total
    if reasoning > whole.completion:
        return True
    return whole.is_chat and family is not None and family.reasons_beside


def must_reach(total: int | None, buckets: Buckets) -> None:
    """Raise RejectedEvent `usage_inconsistent` unless the buckets add up to a given total."""
    found = sum(buckets[TOKENS])
    if total is not None and found != total:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"the parts add up to {found}, total_tokens is {total}"
        )
