"""Families: the rules by which models of one maker count differently, each with its source.

Usage objects of different makers look alike and count differently. Every rule that depends on the
model's name stands in this one table; `provider_usage` holds the rules that an object itself shows.
"""

import re
from functools import lru_cache
from typing import Final, NamedTuple


class Family(NamedTuple):
    """Models that count in the same way."""

    name: str
    provider: str
    models: str
    """A pattern of the model's name, in lower case, without its publisher's prefix."""
    source: str
    """The public record of the rule, and the month in which it was read."""
    reasons_beside: bool = False
    """Chat completions leave reasoning out of `completion_tokens`; `total_tokens` contains it."""
    caches_beyond_prompt: bool = False
    """`cached_tokens` may contain a hidden prefix that `prompt_tokens` does not."""
    prices_video_apart: bool = False
    """A prompt's video has a price that is not that of text."""
    paints: bool = False
    """Output tokens without details are the tokens of an image."""


FAMILIES: Final = (
    Family(
        "grok",
        "xai",
        r"grok",
        "x.ai chat completions, recorded by BerriAI/litellm 39426 and UKGovernmentBEIS/inspect_ai"
        " 5528; Azure's hidden prefix in crmne/ruby_llm's azure_grok-4-1-fast (2026-11)",
        reasons_beside=True,
        caches_beyond_prompt=True,
    ),
    Family(
        "gemini-video",
        "google",
        r"gemini-(?:embedding|(?:[0-9a-z.]+-)*live)",
        "Google's prices by genai-prices 0.2.3: embeddings and Live models price video apart from"
        " text, all others alike (2026-11)",
        reasons_beside=True,
        prices_video_apart=True,
    ),
    Family(
        "gemini",
        "google",
        r"gemini",
        "Gemini's OpenAI end point: thinking stands in total_tokens alone, recorded by"
        " pydantic-ai's compatible_api_with_tool_calls_without_id; Vertex's names it and leaves it"
        " beside the completion, Google Cloud's chat completions examples (2026-11)",
        reasons_beside=True,
    ),
    Family(
        "gpt-image",
        "openai",
        r"gpt-image",
        "OpenAI's images API: output_tokens is the number of image tokens in the output image"
        " (2026-11)",
        paints=True,
    ),
    Family(
        "claude",
        "anthropic",
        r"claude",
        "Anthropic's messages API: caches stand beside the input (2026-10)",
    ),
)

#: The publisher before the name: `xai/grok-4`, `azure_ai/grok-4`, `anthropic.claude-…`.
_NAMED: Final = tuple(
    (re.compile(rf"(?:.*[/:.@])?(?:{family.models})(?:[^a-z].*)?"), family) for family in FAMILIES
)
#: Providers all of whose models are of one family.
_BY_PROVIDER: Final = {
    family.provider: family for family in FAMILIES if family.provider in {"xai", "anthropic"}
}
#: More names than one installation uses.
_MAX_REMEMBERED: Final = 4_096


@lru_cache(maxsize=_MAX_REMEMBERED)
def family_of(
    model: str | None,
    provider: str | None = None,
    requested: str | None = None,
    deployment: str | None = None,
) -> Family | None:
    """Return the family of a request; None where no rule depends on its model.

    The model that served the request decides. Where it is not named, the name that the client asked
    for, the deployment's, and the provider's stand in for it, in this order.
    """
    if model is not None:
        return _named(model)
    for name in (requested, deployment):
        found = None if name is None else _named(name)
        if found is not None:
            return found
    return _BY_PROVIDER.get((provider or "").lower())


def _named(name: str) -> Family | None:
    lowered = name.lower()
    return next((family for pattern, family in _NAMED if pattern.fullmatch(lowered)), None)
