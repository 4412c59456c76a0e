"""The deployments of the simulated company, and the operation that each one serves."""

from typing import Final

from metering.local.demo.traffic import MODELS, Model

_CLAUDE: Final = "global.anthropic.claude-sonnet-4-5-20250929-v1:0"
_MISTRAL: Final = "mistral.mistral-large-3-675b-instruct"
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

#: Models of other providers, each under the name that its own API asks for.
_ELSEWHERE: Final = (
    Model("gemini-2.5-flash", "gemini-2.5-flash", "global", "gemini", True),
    Model("gemini-embedding-001", "gemini-embedding-001", "global", "gemini-embeddings", False),
    Model(_CLAUDE, _CLAUDE, "global", "bedrock", False),
    Model("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", "global", "bedrock", False),
    Model(_MISTRAL, _MISTRAL, "global", "bedrock", False),
    Model("command-r-08-2024", "command-r-08-2024", "global", "cohere", False),
    Model("embed-v4.0", "embed-v4.0", "global", "cohere-embed", False),
    Model("rerank-v3.5", "rerank-v3.5", "global", "cohere-rerank", False),
    Model("mistral-large-2512", "mistral-large-2512", "global", "mistral", False),
    Model("mistral-ocr-2505", "mistral-ocr-2505", "global", "mistral-ocr", False),
)

DEPLOYMENTS: Final = {model.name: model for model in (*MODELS, *_MORE, *_ELSEWHERE)}

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
    if model in _ELSEWHERE:
        return model.shape.partition("-")[0]
    return "anthropic" if model.shape == "anthropic" else "openai"
