"""Parts of providers' usage objects as they are written, and their unknown fields.

Fields that no rule understands are kept: a count that is not zero may be paid for, so the request
that carries one must not get a price (see `unknown_field`).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, cast

from pydantic import BaseModel, ConfigDict, Field

from metering.core.basics.errors import Code, RejectedEvent

#: No request has a billion tokens; a larger count is a fault of the producer.
MAX_TOKENS = 1_000_000_000

type Count = Annotated[int, Field(ge=0, le=MAX_TOKENS)]


class Reported(BaseModel):
    """An object that a provider wrote; unknown fields are kept for `unknown_field`."""

    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="allow")


class CachedDetails(Reported):
    """The modality of cached tokens (realtime, audio and image models)."""

    text_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None


class CacheWriteDetails(Reported):
    """Cache writes of the Responses API by lifetime."""

    ttl_30m_tokens: Count | None = None
    ttl_12h_tokens: Count | None = None


class CacheCreation(Reported):
    """Anthropic's cache writes by lifetime."""

    ephemeral_5m_input_tokens: Count | None = None
    ephemeral_1h_input_tokens: Count | None = None


class InputDetails(Reported):
    """Parts of the prompt; text needs no field of its own, but has a name."""

    cached_tokens: Count | None = None
    cached_tokens_details: CachedDetails | None = None
    text_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    cache_write_tokens_details: CacheWriteDetails | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None


class OutputDetails(Reported):
    """Parts of the completion; text and predictions are output, so their counts decide nothing."""

    reasoning_tokens: Count | None = None
    thinking_tokens: Count | None = None
    text_tokens: Count | None = None
    audio_tokens: Count | None = None
    image_tokens: Count | None = None
    accepted_prediction_tokens: Count | None = None
    rejected_prediction_tokens: Count | None = None


def merged[D: Reported](place: str, *spellings: D | None) -> D | None:
    """Return details that are given under one or several names as one object.

    RejectedEvent `usage_inconsistent` where two names give one field two values.
    """
    given = [details for details in spellings if details is not None]
    if len(given) <= 1:
        return given[0] if given else None
    fields: dict[str, Any] = {}
    for details in given:
        for name, value in details:
            known = fields.get(name)
            if known and value and known != value:
                raise RejectedEvent(
                    Code.USAGE_INCONSISTENT, f"{place} give {name} twice, with two values"
                )
            fields[name] = known or value
    return cast("D", given[0].model_construct(**fields))


_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def snake(name: str) -> str:
    """Return a name in lower case with underscores."""
    return _HUMP.sub("_", name).replace("-", "_").lower()


#: Names of fields that tell about a request and are never charged: times, prices, estimates.
_NOT_CHARGED: Final = re.compile(
    r"(?:^|_)(?:times?|ms|latency|costs?|price|estimate|timestamp|created|at|rate|ratio|percent"
    r"|per_second|ticks|request_count|version|index|bytes)(?:_|$)",
)


def unknown_field(place: str, object_: Reported) -> str | None:
    """Return the path of the first unknown field with a count above zero; None without one."""
    extra = object_.__pydantic_extra__
    if not extra:
        return None
    return next(counts_in(place, extra), None)


def counts_in(place: str, value: object) -> Iterator[str]:
    """Yield the paths of all numbers in a value that are not zero and may be charged."""
    match value:
        case bool():
            return
        case int() | float():
            if value:
                yield place
        case Mapping():
            for name, inner in value.items():
                if not _NOT_CHARGED.search(snake(str(name))):
                    yield from counts_in(f"{place}.{name}" if place else str(name), inner)
        case list():
            for inner in value:
                yield from counts_in(place, inner)


def writes_by_lifetime(parts: InputDetails) -> tuple[int, int]:
    """Return the tokens of a prompt that were written to a cache: for a short and a long life."""
    if parts.cache_creation is not None or parts.cache_creation_input_tokens is not None:
        # Qwen writes Anthropic's names inside the prompt's details.
        return anthropic_writes(parts.cache_creation_input_tokens, parts.cache_creation)
    split = parts.cache_write_tokens_details
    if split is None:
        return parts.cache_write_tokens or 0, 0
    return _split_writes(
        parts.cache_write_tokens, split.ttl_30m_tokens or 0, split.ttl_12h_tokens or 0
    )


def anthropic_writes(total: int | None, split: CacheCreation | None) -> tuple[int, int]:
    """Return cache writes under Anthropic's names: for a short and a long life."""
    if split is None:
        return total or 0, 0
    return _split_writes(
        total, split.ephemeral_5m_input_tokens or 0, split.ephemeral_1h_input_tokens or 0
    )


def _split_writes(total: int | None, short: int, long: int) -> tuple[int, int]:
    """Return writes of the shortest or an unnamed lifetime, and the long ones, each once."""
    if total is None:
        return short, long
    if short + long > total:
        raise RejectedEvent(
            Code.USAGE_INCONSISTENT, f"cache writes by lifetime exceed their total of {total}"
        )
    return total - long, long
