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

Rules that depend on the model stand in `families`. A cost that no rule understands leaves the
request without a price, with the field's name as the reason.
"""

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Final, NamedTuple

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import (
    INDEX,
    NO_TOKENS,
    QUANTITY_DECIMALS,
    TOKENS,
    Buckets,
    from_names,
)
from metering.core.usage.common_usage import common_buckets
from metering.core.usage.families import Family
from metering.core.usage.usage_details import (
    MAX_TOKENS,
    CacheCreation,
    Count,
    InputDetails,
    OutputDetails,
    Reported,
    merged,
    unknown_field,
)
from metering.core.usage.usage_object import MAX_QUANTITY, Iteration, ProviderUsage

__all__ = ["MAX_TOKENS", "Count", "ProviderUsage", "Reading", "disjoint_buckets", "read_usage"]


class Reading(NamedTuple):
    """All that a usage object says that may cost something."""

    buckets: Buckets
    unit: str | None = None
    """The unit of `quantity` where the request is charged by something else than tokens."""
    meters: tuple[tuple[str, int], ...] = ()
    """Counts of what is charged beside the tokens, by the meter's name, in 10^-6 of its unit."""
    not_understood: str | None = None
    """The field that may cost something and that no rule understands: no price may be given."""
    surplus: int = 0
    """Cached tokens beyond the prompt: Azure's hidden prefix, which is in no bucket."""


#: The counts of requests without tokens: the field, the meter of a fee beside tokens, the
#: unit of its price, and how many of the field's make a unit.
_WITHOUT_TOKENS: Final = (
    ("seconds", "audio_seconds", "second", 1),
    ("characters", "characters", "million characters", 1_000_000),
    ("images", "images", "image", 1),
)
WITHOUT_TOKENS: Final = {unit: (meter, size) for _, meter, unit, size in _WITHOUT_TOKENS}
"""By unit: the name of the count, and how many of it make a unit."""

UNIT_OF_METER: Final = {
    **{meter: unit for _, meter, unit, _ in _WITHOUT_TOKENS},
    "web_search_requests": "request",
}
"""The unit of each meter that a usage object may count beside its tokens."""

#: Fees for tools that a provider runs (Anthropic's pricing, 2026-11): by field, the meter.
_TOOL_METERS: Final = {"web_search_requests": "web_search_requests"}
#: Fetching a page costs nothing beyond its tokens (the same page).
_FREE_TOOLS: Final = frozenset({"web_fetch_requests", "tool_calls_requested"})
#: Values of fields that change the price, and that mean the list price.
_ORDINARY: Final[Mapping[str, frozenset[str]]] = {
    "speed": frozenset({"standard", "normal", ""}),
    "inference_geo": frozenset({"global", "not_available", ""}),
    "search_context_size": frozenset({""}),
}
#: Iterations of the model that answers, charged at its price. An advisor's are another model's.
_OWN_ITERATIONS: Final = frozenset({"message", "compaction"})

_SCALE: Final = 10**QUANTITY_DECIMALS


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
    usage = _one_spelling(usage)
    if usage.prompt_tokens is None and usage.input_tokens is None:
        return _without_tokens(usage)
    if usage.input_tokens is not None and _is_anthropic(usage):
        counted = _side_by_side(usage)
        unexplained = _iterations_unexplained(usage)
        counts = _all_iterations(usage) or counted
    else:
        counts, surplus = _whole_and_parts(_Whole.of(usage), family)
        return _reading(usage, counts, surplus)
    _must_reach(usage.total_tokens, counted)
    return _reading(usage, counts, 0, unexplained)


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
    """Read a request that is charged by the second, the character or the image."""
    given = [
        (unit, size, value)
        for field, _, unit, size in _WITHOUT_TOKENS
        if (value := getattr(usage, field)) is not None
    ]
    if len(given) != 1 or usage.total_tokens:
        raise RejectedEvent(
            Code.USAGE_UNRECOGNISED, "usage has neither prompt_tokens nor input_tokens"
        )
    ((unit, size, value),) = given
    buckets = (*NO_TOKENS[TOKENS], _millionths(value, size))
    return Reading(buckets, unit, *_beside(usage))


def _millionths(value: float, size: int = 1) -> int:
    """Return a quantity in 10^-6 of its unit; a part of a millionth counts as one."""
    return int((Decimal(str(value)) * _SCALE / size).to_integral_value(ROUND_CEILING))


def _reading(
    usage: ProviderUsage, counts: Buckets, surplus: int, unexplained: str | None = None
) -> Reading:
    meters, not_understood = _beside(usage)
    for field, meter, _, size in _WITHOUT_TOKENS:
        value = getattr(usage, field)
        if value:
            meters += ((meter, _millionths(value, size)),)
    if usage.prompt_audio_seconds and not counts[INDEX["input_audio"]]:
        meters += (("audio_seconds", _millionths(usage.prompt_audio_seconds)),)
    return Reading(counts, None, meters, unexplained or not_understood, surplus)


def _beside(usage: ProviderUsage) -> tuple[tuple[tuple[str, int], ...], str | None]:
    """Return the counts of tools by meter, and the first field that no rule understands."""
    meters: list[tuple[str, int]] = []
    unknown = next(_unknown_fields(usage), None)
    for field in ("server_tool_use", "server_tool_use_details"):
        for name, value in (getattr(usage, field) or {}).items():
            if name in _FREE_TOOLS or not value:
                continue
            if name in _TOOL_METERS and type(value) is int and 0 < value <= MAX_QUANTITY:
                meters.append((_TOOL_METERS[name], value * _SCALE))
            else:
                unknown = unknown or f"{field}.{name}"
    for field, ordinary in _ORDINARY.items():
        value = getattr(usage, field)
        if value is not None and str(value).lower() not in ordinary:
            unknown = unknown or field
    return tuple(meters), unknown


_DETAILS: Final = tuple(name for name in ProviderUsage.model_fields if name.endswith("_details"))


def _unknown_fields(usage: ProviderUsage) -> Iterator[str]:
    top = unknown_field("", usage)
    if top is not None:
        yield top
    for name in _DETAILS:
        details = getattr(usage, name)
        if not isinstance(details, Reported):
            continue
        inner = unknown_field(name, details)
        if inner is not None:
            yield inner
        for field in ("cached_tokens_details", "cache_write_tokens_details", "cache_creation"):
            split = getattr(details, field, None)
            found = None if split is None else unknown_field(f"{name}.{field}", split)
            if found is not None:
                yield found
    if usage.cache_creation is not None:
        found = unknown_field("cache_creation", usage.cache_creation)
        if found is not None:
            yield found


def _is_anthropic(usage: ProviderUsage) -> bool:
    """Say whether Anthropic wrote it: only they name caches and thinking as they do."""
    named = (
        usage.cache_read_input_tokens,
        usage.cache_creation_input_tokens,
        usage.cache_creation,
        usage.iterations,
        usage.server_tool_use,
    )
    if all(value is None for value in named):
        return False
    if usage.input_tokens_details is not None or usage.input_token_details is not None:
        raise RejectedEvent(
            Code.USAGE_UNRECOGNISED,
            "usage mixes input_tokens_details with Anthropic's cache fields",
        )
    return True


class _Whole(NamedTuple):
    """A prompt and a completion, with what is said of their parts."""

    prompt: int
    completion: int
    total: int | None
    prompt_parts: InputDetails | None
    completion_parts: OutputDetails | None
    cached: int
    is_chat: bool

    @classmethod
    def of(cls, usage: ProviderUsage) -> "_Whole":
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
        )


def _agreed(*counts: int | None) -> int:
    """Return a count that is given under several names; RejectedEvent where they differ."""
    given = {count for count in counts if count}
    if len(given) > 1:
        raise RejectedEvent(Code.USAGE_INCONSISTENT, "cached tokens are given twice, differently")
    return given.pop() if given else 0


def _whole_and_parts(whole: _Whole, family: Family | None) -> tuple[Buckets, int]:
    """Return the buckets of a prompt and a completion, and the cached tokens beyond the prompt."""
    counts, surplus = _prompt_buckets(whole, family)
    counts |= _completion_buckets(whole, counts, family)
    if any(count < 0 for count in counts.values()):
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, "a part of the prompt or completion is larger than its whole"
        )
    buckets = from_names(counts)
    _must_reach(whole.total, buckets)
    return buckets, surplus


def _prompt_buckets(whole: _Whole, family: Family | None) -> tuple[dict[str, int], int]:
    prompt, cached, parts = whole.prompt, whole.cached, whole.prompt_parts
    surplus = 0
    if family is not None and family.caches_beyond_prompt and cached > prompt:
        cached, surplus = 0, cached - prompt
    audio = image = cached_audio = cached_image = write = write_long = 0
    if parts is not None:
        audio, image = parts.audio_tokens or 0, parts.image_tokens or 0
        write, write_long = _writes_by_lifetime(parts)
        split = parts.cached_tokens_details
        if split is not None and cached:
            cached_audio, cached_image = split.audio_tokens or 0, split.image_tokens or 0
    # Mistral's own API: 9 prompt, 375 audio and 248 completion tokens are 632 in total.
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
    whole: _Whole, prompt: Mapping[str, int], family: Family | None
) -> dict[str, int]:
    parts, completion = whole.completion_parts, whole.completion
    reasoning = audio = image = 0
    if parts is not None:
        reasoning = parts.reasoning_tokens or parts.thinking_tokens or 0
        audio, image = parts.audio_tokens or 0, parts.image_tokens or 0
    elif family is not None and family.paints:
        image = completion
    of_prompt = sum(prompt.values())
    if family is not None and family.reasons_beside and not reasoning and whole.total is not None:
        # Gateway logs and Gemini's OpenAI end point name the reasoning in the total alone.
        reasoning = max(0, whole.total - of_prompt - completion)
    plain = completion - audio - image
    if not _reasons_beside(whole, of_prompt, reasoning, family):
        plain -= reasoning
    return {"output": plain, "reasoning": reasoning, "output_audio": audio, "output_image": image}


def _reasons_beside(whole: _Whole, prompt: int, reasoning: int, family: Family | None) -> bool:
    """Say whether reasoning stands beside the completion: the total decides where it is given."""
    if whole.total is not None:
        return reasoning > 0 and prompt + whole.completion + reasoning == whole.total
    if reasoning > whole.completion:
        return True
    return whole.is_chat and family is not None and family.reasons_beside


def _must_reach(total: int | None, buckets: Buckets) -> None:
    found = sum(buckets[TOKENS])
    if total is not None and found != total:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"the parts add up to {found}, total_tokens is {total}"
        )


def _writes_by_lifetime(parts: InputDetails) -> tuple[int, int]:
    if parts.cache_creation is not None or parts.cache_creation_input_tokens is not None:
        # Qwen writes Anthropic's names inside the prompt's details.
        return _anthropic_writes(parts.cache_creation_input_tokens, parts.cache_creation)
    split = parts.cache_write_tokens_details
    if split is None:
        return parts.cache_write_tokens or 0, 0
    return _split_writes(
        parts.cache_write_tokens, split.ttl_30m_tokens or 0, split.ttl_12h_tokens or 0
    )


def _anthropic_writes(total: int | None, split: CacheCreation | None) -> tuple[int, int]:
    if split is None:
        return total or 0, 0
    return _split_writes(
        total, split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
    )


def _side_by_side(usage: ProviderUsage | Iteration) -> Buckets:
    """Return the buckets of Anthropic's counts, which stand beside each other."""
    write, write_long = _anthropic_writes(usage.cache_creation_input_tokens, usage.cache_creation)
    reasoning = 0
    if usage.output_tokens_details is not None:
        parts = usage.output_tokens_details
        reasoning = parts.reasoning_tokens or parts.thinking_tokens or 0
    output = (usage.output_tokens or 0) - reasoning
    if output < 0:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, "reasoning_tokens is larger than output_tokens"
        )
    return from_names(
        {
            "input": usage.input_tokens or 0,
            "cached_read": usage.cache_read_input_tokens or 0,
            "cache_write": write,
            "cache_write_long": write_long,
            "output": output,
            "reasoning": reasoning,
        }
    )


def _all_iterations(usage: ProviderUsage) -> Buckets | None:
    """Return the tokens of all iterations, which are what is charged; None without any.

    The top level leaves out compaction and advisors (Anthropic's compaction page, 2026-11). It
    holds where it has more than the iterations.
    """
    if not usage.iterations:
        return None
    counted = [_side_by_side(iteration) for iteration in usage.iterations]
    added = tuple(map(sum, zip(*counted, strict=True)))
    more = sum(added[TOKENS]) > sum(_side_by_side(usage)[TOKENS])
    return added if more else None


def _iterations_unexplained(usage: ProviderUsage) -> str | None:
    """Return `iterations` where another model may have run in one of them."""
    types = {iteration.type for iteration in usage.iterations or ()}
    return None if types <= _OWN_ITERATIONS else "iterations"


def _split_writes(total: int | None, short: int, long: int) -> tuple[int, int]:
    """Return writes of the shortest or an unnamed lifetime, and the long ones, each once."""
    if total is None:
        return short, long
    if short + long > total:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"cache writes by lifetime exceed their total of {total}"
        )
    return total - long, long
