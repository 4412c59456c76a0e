"""Gemini's counts: `generateContent`, streams, Live, embeddings, batches and Interactions.

The prompt contains the cached tokens. Tool results stand beside the prompt and are input; thoughts
stand beside the candidates and are charged at the price of output (google-genai's types, 2.32.0;
recorded responses, 2026-11). Counts rule; details of modality only split them.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import QUANTITY_DECIMALS, from_names
from metering.core.usage.native_fields import NativeFields, whole_number
from metering.core.usage.reading import Reading
from metering.core.usage.usage_details import snake

_PROMPT: Final = ("prompt_token_count", "total_input_tokens")
_CACHED: Final = ("cached_content_token_count", "total_cached_tokens")
_TOOLS: Final = ("tool_use_prompt_token_count", "total_tool_use_tokens")
_ANSWER: Final = ("candidates_token_count", "response_token_count", "total_output_tokens")
_THOUGHTS: Final = ("thoughts_token_count", "total_thought_tokens", "total_reasoning_tokens")
_TOTAL: Final = ("total_token_count", "total_tokens")
_OWN_NAMES: Final = frozenset((*_PROMPT, *_CACHED, *_TOOLS, *_ANSWER, *_THOUGHTS, _TOTAL[0]))

#: Modalities by the number that old libraries write (Vertex AI's protocol buffers).
_NUMBERED: Final = {0: "text", 1: "text", 2: "image", 3: "video", 4: "audio", 5: "document"}
#: Priced as text in a prompt.
_PLAIN: Final = frozenset({"text", "document", "video", "modality_unspecified", ""})
#: Video that a model makes has a price of its own, and no bucket.
_PLAIN_ANSWER: Final = _PLAIN - {"video"}
#: Google charges a search by the query (Gemini 3's prices, 2026-11).
_SEARCH: Final = "google_search"


def is_gemini(names: set[str]) -> bool:
    """Say whether one of an object's names, in lower case, is Gemini's own."""
    return not _OWN_NAMES.isdisjoint(names)


class _Split(NamedTuple):
    """The details of one count."""

    audio: int = 0
    image: int = 0
    unexplained: str | None = None
    """The details, where they contradict the count or name a modality that no rule knows."""


def gemini_reading(given: Mapping[str, Any], *, prices_video_apart: bool = False) -> Reading:
    """Return what an object of Gemini's counts says.

    Video of a prompt is read as text, but not where the model has a price of its own for it.
    """
    fields = NativeFields(given)
    prompt, answer = fields.count(*_PROMPT), fields.count(*_ANSWER)
    tools, thoughts = fields.count(*_TOOLS) or 0, fields.count(*_THOUGHTS) or 0
    cached, total = fields.count(*_CACHED) or 0, fields.count(*_TOTAL)
    if prompt is None and answer is None and not thoughts:
        return _total_alone(total)
    prompt, answer = prompt or 0, answer or 0
    if cached > prompt:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"{cached} cached tokens in a prompt of {prompt}"
        )
    if total not in (None, prompt + tools + answer + thoughts, prompt + tools + answer):
        # Live leaves thoughts out of its total, generateContent has them in it.
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT,
            f"the parts add up to {prompt + tools + answer + thoughts}, the total is {total}",
        )
    plain = _PLAIN_ANSWER if prices_video_apart else _PLAIN
    counts, unexplained = _prompt(fields, prompt, cached, tools, plain)
    made = _split(
        fields,
        answer,
        ("candidates_tokens_details", "response_tokens_details", "output_tokens_by_modality"),
        _PLAIN_ANSWER,
    )
    counts |= {
        "output": answer - made.audio - made.image,
        "reasoning": thoughts,
        "output_audio": made.audio,
        "output_image": made.image,
    }
    meters, other = _searches(fields)
    _skip_tiers(fields)
    why = unexplained or made.unexplained or other or fields.unread()
    return Reading(from_names(counts), None, meters, why)


def _prompt(
    fields: NativeFields, prompt: int, cached: int, tools: int, plain: frozenset[str]
) -> tuple[dict[str, int], str | None]:
    whole = _split(
        fields,
        prompt,
        ("prompt_tokens_details", "prompt_token_details", "input_tokens_by_modality"),
        plain,
    )
    kept = _split(fields, cached, ("cache_tokens_details", "cached_tokens_by_modality"), plain)
    beside = _split(
        fields, tools, ("tool_use_prompt_tokens_details", "tool_use_tokens_by_modality"), plain
    )
    fresh = prompt - cached
    # Vertex may call a cached part by another modality than the prompt does.
    audio = min(max(0, whole.audio - kept.audio), fresh)
    image = min(max(0, whole.image - kept.image), fresh - audio)
    counts = {
        "input": fresh - audio - image + tools - beside.audio - beside.image,
        "cached_read": cached - kept.audio,
        "input_audio": audio + beside.audio,
        "cached_audio": kept.audio,
        "input_image": image + beside.image,
    }
    return counts, whole.unexplained or kept.unexplained or beside.unexplained


def _split(
    fields: NativeFields, count: int, names: tuple[str, ...], plain: frozenset[str]
) -> _Split:
    sums = {"audio": 0, "image": 0}
    counted, unexplained = 0, None
    for place, item in fields.items(*names):
        part = NativeFields(item)
        tokens = part.count("token_count", "tokens") or 0
        counted += tokens
        modality = _modality(part.get("modality"))
        if modality in sums:
            sums[modality] += tokens
        elif tokens and modality not in plain:
            unexplained = f"{place}.{modality}"
    if counted > count:
        # Live's translation repeats its context in the details: is that charged?
        place = fields.items(*names)[0][0]
        unexplained = unexplained or place
    audio = min(sums["audio"], count)
    return _Split(audio, min(sums["image"], count - audio), unexplained)


def _modality(value: object) -> str:
    if isinstance(value, int):
        return _NUMBERED.get(value, str(value))
    return snake(value) if isinstance(value, str) else ""


def _searches(fields: NativeFields) -> tuple[tuple[tuple[str, int], ...], str | None]:
    """Return the searches of an interaction, and the first other tool that it was charged for."""
    count, other = 0, None
    for place, item in fields.items("grounding_tool_count"):
        calls = whole_number(place, item.get("count")) or 0
        if item.get("type") == _SEARCH:
            count += calls
        elif calls:
            other = f"{place}.{item.get('type')}"
    return ((("search_queries", count * 10**QUANTITY_DECIMALS),) if count else ()), other


def _skip_tiers(fields: NativeFields) -> None:
    for name in ("traffic_type", "service_tier"):
        fields.get(name)


def _total_alone(total: int | None) -> Reading:
    """Read the object of a new cached content: input once, and storage that it does not count."""
    if not total:
        raise RejectedEvent(Code.USAGE_MISSING, "usage has none of Gemini's counts")
    return Reading(from_names({"input": total}), not_understood=_TOTAL[0])
