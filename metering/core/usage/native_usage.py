"""Usage objects in the own words of Gemini, Bedrock and Cohere, told apart by their names."""

from collections.abc import Callable, Mapping
from typing import Any

from metering.core.usage.bedrock_usage import bedrock_reading, is_bedrock
from metering.core.usage.cohere_usage import cohere_reading, is_cohere
from metering.core.usage.families import Family
from metering.core.usage.gemini_usage import gemini_reading, is_gemini
from metering.core.usage.reading import Reading
from metering.core.usage.usage_details import snake
from metering.core.usage.usage_object import ProviderUsage


def native_reading(usage: ProviderUsage, family: Family | None = None) -> Reading | None:
    """Return what an object in a provider's own words says; None for one in OpenAI's words."""
    read = _reader(usage.__pydantic_extra__ or {})
    if read is None:
        return None
    # OpenAI's words in such an object are the provider's too.
    given = usage.model_dump(exclude_unset=True)
    if read is gemini_reading:
        apart = family is not None and family.prices_video_apart
        return gemini_reading(given, prices_video_apart=apart)
    return read(given)


def _reader(given: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Reading] | None:
    if is_cohere(given):
        return cohere_reading
    if is_bedrock(given):
        return bedrock_reading
    return gemini_reading if is_gemini({snake(name) for name in given}) else None


def tidied(usage: object) -> object:
    """Return a provider's own object without what the fields of OpenAI's cannot hold.

    Cohere's and Titan's whole numbers are decimals (34.0); Google's library for Python lists
    details under a name that is an object's elsewhere. In OpenAI's words a decimal is a fault.
    """
    if not isinstance(usage, Mapping) or _reader(usage) is None:
        return usage
    return {_own_name(name, value): _whole(value) for name, value in usage.items()}


def _own_name(name: str, value: object) -> str:
    is_list = name in {"prompt_tokens_details", "prompt_token_details"} and isinstance(value, list)
    return "promptTokensDetails" if is_list else name


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value
