"""Reasons to reject a body: the first validation error as a stable code."""

import re
from typing import Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import Instant, ZoneMissingError, parse_instant
from metering.core.basics.validation import reason_of
from metering.core.calendars.dated import MAX_AHEAD
from metering.core.usage.event import TRUNCATED_AT_BYTES
from metering.core.usage.usage import MAX_AGE

#: The parts of the path of a usage object, above its fields.
_USAGE_DEPTH: Final = 2
_OTHER_VERSION: Final = re.compile(r"(?:(?:llm|meter)\.usage|business\.outcome)\.v[0-9]+")


def is_of_type(error: ValidationError, type_: str) -> bool:
    """Say whether a body was refused, first of all, because it is an event of `type_`."""
    first = error.errors(include_url=False, include_context=False)[0]
    return first["loc"] == ("type",) and first["input"] == type_


def is_about_usage(error: ValidationError) -> bool:
    """Say whether a request is refused for nothing but its usage object."""
    places = (found["loc"] for found in error.errors(include_url=False, include_context=False))
    return all(place[:2] == ("data", "usage") and len(place) > _USAGE_DEPTH for place in places)


def accepted_time(text: str, arrival: Instant) -> Instant:
    """Return the time of an event that arrived at `arrival`; RejectedEvent if out of bounds."""
    try:
        time = parse_instant(text)
    except ValueError as error:
        raise time_rejection(error) from None
    if arrival - MAX_AGE <= time <= arrival + MAX_AHEAD:
        return time
    if time > arrival:
        raise RejectedEvent(Code.IN_FUTURE, "time: more than 5 minutes after arrival")
    raise RejectedEvent(Code.TOO_OLD, "time: more than 400 days before arrival")


def time_rejection(error: ValueError) -> RejectedEvent:
    """Return what `parse_instant` said of a time as a stable code."""
    if isinstance(error, ZoneMissingError):
        return RejectedEvent(Code.TIME_WITHOUT_ZONE, "time: has no zone or offset")
    return RejectedEvent(Code.INVALID_FIELD, "time: is not an RFC 3339 time")


def rejection(error: ValidationError, body: bytes) -> RejectedEvent:
    """Turn pydantic's first complaint into a stable code; values never reach the reason."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    code = _code_of(first, place, body)
    reason = reason_of(first["msg"])
    return RejectedEvent(code, f"{place}: {reason}" if place else reason)


def _code_of(first: ErrorDetails, place: str, body: bytes) -> Code:
    kind = first["type"]
    if kind == "json_invalid":
        return Code.TRUNCATED if len(body) >= TRUNCATED_AT_BYTES else Code.NOT_JSON
    if place in {"", "specversion", "type"}:
        return _envelope_code(kind, place, first["input"])
    if place == "data.quantity":
        return Code.QUANTITY_INVALID
    if place.startswith("data.usage"):
        return Code.USAGE_INVALID
    if place == "id" and kind == "string_too_long":
        return Code.ID_TOO_LONG
    absent = kind == "missing" or first["input"] is None or kind == "string_too_short"
    return Code.MISSING_FIELD if absent else Code.INVALID_FIELD


def _envelope_code(kind: str, place: str, value: object) -> Code:
    if kind != "literal_error" or not isinstance(value, str):
        return Code.NOT_CLOUDEVENTS
    if place == "specversion" or _OTHER_VERSION.fullmatch(value):
        return Code.UNKNOWN_SCHEMA_VERSION
    return Code.UNKNOWN_TYPE
