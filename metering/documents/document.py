"""Base classes of every document, and optional times in them."""

from pydantic import BaseModel, ConfigDict

from metering.core.basics.instants import Instant, format_instant


class Document(BaseModel):
    """A JSON object that the API returns and a command prints."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class RequestBody(BaseModel):
    """A JSON object that the API accepts. Unknown fields are rejected."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


def format_optional(instant: Instant | None) -> str | None:
    """Return an optional instant as RFC 3339 text."""
    return None if instant is None else format_instant(instant)
