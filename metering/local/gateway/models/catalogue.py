"""The deployments of the simulated company, and the operation that each one serves."""

from typing import Final

from metering.local.demo.traffic import MODELS, Model

#: Beside those of the built-in traffic. A deployment is priced while it streams by its own name.
_MORE: Final = (
    Model("claude-haiku-4-5", "claude-haiku-4-5-20251001", "global", "anthropic", False),
    Model("text-embedding-3-small", "text-embedding-3-small", "global", "embeddings", False),
    Model("text-embedding-3-large", "text-embedding-3-large", "global", "embeddings", False),
    Model("gpt-image-1", "gpt-image-1-2025-04-15", "global", "images", False),
    Model("dall-e-3", "dall-e-3", "global", "images", False),
    Model("gpt-4o-transcribe", "gpt-4o-transcribe-2025-03-20", "global", "transcriptions", False),
    Model("whisper", "whisper", "global", "transcriptions", False),
    Model("omni-moderation-latest", "omni-moderation-2024-09-26", "global", "moderations", False),
)

DEPLOYMENTS: Final = {model.name: model for model in (*MODELS, *_MORE)}

#: Chat models answer through both of OpenAI's interfaces, whichever the traffic uses.
_SERVES: Final = {
    "chat": frozenset({"chat", "responses"}),
    "responses": frozenset({"chat", "responses"}),
}


def serves(model: Model, surface: str) -> bool:
    """Return whether a deployment supports an API."""
    return surface in _SERVES.get(model.shape, {model.shape})


def provider_of(model: Model) -> str:
    """Return the publisher of a model."""
    return "anthropic" if model.shape == "anthropic" else "openai"
