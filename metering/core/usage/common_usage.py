"""The short way to read a usage object of the common fields: nearly every event takes it."""

from typing import Final, NamedTuple

from metering.core.usage.buckets import Buckets
from metering.core.usage.usage_details import InputDetails, OutputDetails
from metering.core.usage.usage_object import ProviderUsage

#: The fields of most usage objects, which `common_buckets` reads.
_COMMON: Final = frozenset(
    {
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "prompt_tokens_details",
        "completion_tokens_details",
        "input_tokens",
        "output_tokens",
        "input_tokens_details",
        "output_tokens_details",
        "service_tier",
        "type",
    }
)
_COMMON_INPUT: Final = frozenset({"cached_tokens", "text_tokens", "audio_tokens", "image_tokens"})
_COMMON_OUTPUT: Final = frozenset(
    {
        "reasoning_tokens",
        "text_tokens",
        "audio_tokens",
        "accepted_prediction_tokens",
        "rejected_prediction_tokens",
    }
)


class _Halves(NamedTuple):
    """A prompt and a completion under one of the two spellings."""

    prompt: int
    completion: int
    prompt_parts: InputDetails | None
    completion_parts: OutputDetails | None


def common_buckets(usage: ProviderUsage) -> Buckets | None:
    """Return the buckets of an object of the common fields; None for all others.

    A third of the time of the general way, with the same answer.
    """
    halves = _halves(usage)
    if halves is None:
        return None
    prompt, completion, parts, out = halves
    cached = audio = image = reasoning = out_audio = 0
    if parts is not None:
        cached, audio = parts.cached_tokens or 0, parts.audio_tokens or 0
        image = parts.image_tokens or 0
    if out is not None:
        reasoning, out_audio = out.reasoning_tokens or 0, out.audio_tokens or 0
    plain, output = prompt - cached - audio - image, completion - reasoning - out_audio
    total = usage.total_tokens
    if plain < 0 or output < 0 or (total is not None and total != prompt + completion):
        return None
    return (plain, cached, 0, 0, audio, 0, image, 0, output, reasoning, out_audio, 0, 0)


def _halves(usage: ProviderUsage) -> _Halves | None:
    """Return both halves of an object without an uncommon field; None for any other."""
    if usage.__pydantic_extra__ or not usage.__pydantic_fields_set__ <= _COMMON:
        return None
    chat = (
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens_details,
        usage.completion_tokens_details,
    )
    responses = (
        usage.input_tokens,
        usage.output_tokens,
        usage.input_tokens_details,
        usage.output_tokens_details,
    )
    if responses != _ABSENT:
        if chat != _ABSENT:
            return None
        chat = responses
    prompt, completion, parts, out = chat
    is_common = (parts is None or _has_only(parts, _COMMON_INPUT)) and (
        out is None or _has_only(out, _COMMON_OUTPUT)
    )
    if prompt is None or not is_common:
        return None
    return _Halves(prompt, completion or 0, parts, out)


def _has_only(details: InputDetails | OutputDetails, fields: frozenset[str]) -> bool:
    return not details.__pydantic_extra__ and details.__pydantic_fields_set__ <= fields


_ABSENT: Final = (None, None, None, None)
