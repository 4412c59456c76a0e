"""The usage object of any provider, with every field that a rule understands."""

from typing import Annotated, Any, Final

from pydantic import Field

from metering.core.usage.usage_details import (
    CacheCreation,
    Count,
    InputDetails,
    OutputDetails,
    Reported,
)

#: Seconds, characters or images of one request: their millionths stay below 2^53.
MAX_QUANTITY: Final = 9 * 10**9

type Number = Annotated[int | float, Field(ge=0, le=MAX_QUANTITY, allow_inf_nan=False)]


class Iteration(Reported):
    """One pass of a model that an Anthropic request took."""

    type: str | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None


class XDetails(Reported):
    """The counts of one pass of a Qwen model, in the words of chat completions."""

    input_tokens: Count | None = None
    output_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None


class ProviderUsage(Reported):
    """One usage object of any provider's shape; `read_usage` tells which one it is."""

    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    total_tokens: Count | None = None
    prompt_tokens_details: InputDetails | None = None
    prompt_token_details: InputDetails | None = None
    completion_tokens_details: OutputDetails | None = None
    completion_token_details: OutputDetails | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    input_tokens_details: InputDetails | None = None
    input_token_details: InputDetails | None = None
    output_tokens_details: OutputDetails | None = None
    output_token_details: OutputDetails | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    cached_tokens: Count | None = None
    """Kimi's, inside the prompt."""
    num_cached_tokens: Count | None = None
    """Mistral's, inside the prompt."""
    prompt_cache_hit_tokens: Count | None = None
    """DeepSeek's; the prompt is hits and misses."""
    prompt_cache_miss_tokens: Count | None = None
    prompt_audio_seconds: Number | None = None
    """Mistral's: sound that is counted in seconds where no audio tokens are."""
    image_tokens: Count | None = None
    """Qwen's: the image tokens of the details once more."""
    x_details: list[XDetails] | None = None
    """Of Qwen's Responses: the same counts, with the cache writes that the top leaves out."""
    reasoning_tokens: Count | None = None
    """Perplexity's, beside the completion and outside the total."""
    citation_tokens: Count | None = None
    """Perplexity's deep research: charged beside the prompt."""
    num_search_queries: Count | None = None
    """Perplexity's deep research: charged by the query."""
    num_sources_used: Any = None
    """xAI's: the sources of a search."""
    iterations: list[Iteration] | None = None
    server_tool_use: dict[str, Any] | None = None
    server_tool_use_details: dict[str, Any] | None = None
    speed: Any = None
    inference_geo: Any = None
    search_context_size: Any = None
    """Perplexity's: a fee for each request depends on it."""
    service_tier: Any = None
    type: Any = None
    seconds: Number | None = None
    characters: Number | None = None
    images: Number | None = None
    search_units: Number | None = None
    """A rerank's, by the search (OpenRouter)."""
    pages_processed: Number | None = None
    """Mistral's Document AI, by the page."""
