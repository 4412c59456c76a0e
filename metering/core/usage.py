"""Usage: one validated request with disjoint counts, read from the body of an event."""

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails, to_json

from metering.core.buckets import NO_TOKENS, Buckets
from metering.core.errors import Code, RejectedEvent
from metering.core.event import (
    LLM_USAGE,
    MAX_BODY_BYTES,
    TRUNCATED_AT_BYTES,
    LlmUsageData,
    LlmUsageEvent,
)
from metering.core.evidence import Evidence
from metering.core.instants import DAY, MINUTE, Instant, ZoneMissingError, parse_instant
from metering.core.provider_usage import disjoint_buckets

MAX_AGE: Final = 400 * DAY
MAX_AHEAD: Final = 5 * MINUTE

_OK = range(200, 300)
_TIMED_OUT = 408
_NEVER_PROCESSED = frozenset({401, 403, 404, 429})
_OTHER_VERSION = re.compile(r"llm\.usage\.v[0-9]+")
_DIGEST_BYTES = 8
#: Distinct sets of dimensions kept in memory; then the table starts anew.
_MAX_INTERNED = 50_000

#: What `LlmUsageEvent.model_validate_json` calls, without its checks of options we do not give.
_validate: Final = LlmUsageEvent.__pydantic_validator__.validate_json
_RANKS: Final = {rank.name.lower(): rank for rank in Evidence}

#: Makes a named tuple of all its values in order, without the call that names them.
new_record: Final = cast("Callable[[type[Any], tuple[Any, ...]], Any]", tuple.__new__)

type EventKey = tuple[str, str, str]
"""Identity of an event: type, lower-cased source, id."""


class Dimensions(NamedTuple):
    """What a request was, apart from who asked and how much: shared by many entries of a page."""

    type: str
    source: str
    subject: str
    status: int
    model: str | None
    requested_model: str | None
    provider: str | None
    product: str | None
    api: str | None
    operation: str | None
    deployment: str | None
    deployment_type: str | None
    region: str | None
    service_tier: str | None
    backend: str | None
    spillover: bool | None
    streamed: bool | None
    use_case: str | None


class Usage(NamedTuple):
    """One request, validated. `digest` covers what it says, not how it travelled."""

    key: EventKey
    digest: str
    evidence: Evidence
    time: Instant
    arrival: Instant
    dimensions: Dimensions
    end_user: str | None
    buckets: Buckets

    @property
    def id(self) -> str:
        """The id within its source."""
        return self.key[2]


def is_billable(status: int, *, counted: bool) -> bool:
    """Say whether the service processed a request, and so charges for it.

    Source: Azure OpenAI "manage costs" (2026-10): 2xx, 408 and a 400 from the content filter or the
    input limit are charged, 401 and 429 are not. A 400 or 5xx shows that it was processed by
    carrying counts.
    """
    if status in _OK or status == _TIMED_OUT:
        return True
    return counted and status not in _NEVER_PROCESSED


class UsageReader:
    """Reads bodies into usage; keeps one copy of equal dimensions with their part of a digest."""

    def __init__(self) -> None:
        self._interned: dict[tuple[object, ...], tuple[Dimensions, hashlib.blake2b]] = {}

    def read(self, body: bytes, arrival: Instant) -> Usage:
        """Return the usage in `body`, which arrived at `arrival`; RejectedEvent says why not."""
        if len(body) > MAX_BODY_BYTES:
            raise RejectedEvent(Code.TOO_LARGE, f"{len(body)} bytes, at most {MAX_BODY_BYTES}")
        try:
            event = _validate(body)
        except ValidationError as error:
            raise _rejection(error, body) from None
        time = _accepted_time(event.time, arrival)
        evidence, buckets = _counts(event.data)
        dimensions, begun = self._intern(event)
        end_user = event.data.end_user
        digest = begun.copy()
        digest.update(to_json((time, end_user, buckets)))
        key = (LLM_USAGE, dimensions.source, event.id)
        usage: Usage = new_record(
            Usage,
            (key, digest.hexdigest(), evidence, time, arrival, dimensions, end_user, buckets),
        )
        return usage

    def _intern(self, event: LlmUsageEvent) -> tuple[Dimensions, hashlib.blake2b]:
        """Return the dimensions of an event and the digest begun with them."""
        data = event.data
        said = (
            LLM_USAGE,
            event.source,
            event.subject,
            data.status,
            data.model,
            data.requested_model,
            data.provider,
            data.product,
            data.api,
            data.operation,
            data.deployment,
            data.deployment_type,
            data.region,
            data.service_tier,
            data.backend,
            data.spillover,
            data.streamed,
            data.use_case,
        )
        known = self._interned.get(said)
        if known is None:
            if len(self._interned) >= _MAX_INTERNED:
                self._interned.clear()
            dimensions = Dimensions(*said)._replace(source=event.source.lower())
            begun = hashlib.blake2b(to_json(dimensions), digest_size=_DIGEST_BYTES)
            known = self._interned[said] = (dimensions, begun)
        return known


def _accepted_time(text: str, arrival: Instant) -> Instant:
    try:
        time = parse_instant(text)
    except ValueError as error:
        raise _time_rejection(error) from None
    if arrival - MAX_AGE <= time <= arrival + MAX_AHEAD:
        return time
    if time > arrival:
        raise RejectedEvent(Code.IN_FUTURE, "time: more than 5 minutes after arrival")
    raise RejectedEvent(Code.TOO_OLD, "time: more than 400 days before arrival")


def _time_rejection(error: ValueError) -> RejectedEvent:
    if isinstance(error, ZoneMissingError):
        return RejectedEvent(Code.TIME_WITHOUT_ZONE, "time: has no zone or offset")
    return RejectedEvent(Code.INVALID_FIELD, "time: is not an RFC 3339 time")


def _counts(data: LlmUsageData) -> tuple[Evidence, Buckets]:
    usage, status = data.usage, data.status
    if data.tokens == "final":
        if usage is not None:
            buckets = disjoint_buckets(usage)
            billable = is_billable(status, counted=True)
            return _RANKS[data.evidence], buckets if billable else NO_TOKENS
        if is_billable(status, counted=False):
            raise RejectedEvent(Code.USAGE_MISSING, "data.usage: required when tokens are final")
        return Evidence.ABSENT, NO_TOKENS
    if usage is not None:
        raise RejectedEvent(Code.USAGE_UNEXPECTED, f"data.usage: given, but tokens={data.tokens}")
    if data.tokens == "pending" and is_billable(status, counted=False):
        return Evidence.HELD, _estimate(data)
    return Evidence.ABSENT, NO_TOKENS


def _estimate(data: LlmUsageData) -> Buckets:
    if data.hold is None:
        return NO_TOKENS
    prompt, output = data.hold.prompt_tokens_estimate or 0, data.hold.max_output_tokens or 0
    return (prompt, 0, 0, 0, 0, 0, 0, output, 0, 0)


def _rejection(error: ValidationError, body: bytes) -> RejectedEvent:
    """Turn pydantic's first complaint into a stable code; values never reach the reason."""
    first = error.errors(include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    code = _code_of(first, place, body)
    return RejectedEvent(code, f"{place}: {first['msg']}" if place else first["msg"])


def _code_of(first: ErrorDetails, place: str, body: bytes) -> Code:
    kind = first["type"]
    if kind == "json_invalid":
        return Code.TRUNCATED if len(body) >= TRUNCATED_AT_BYTES else Code.NOT_JSON
    if place in {"", "specversion", "type"}:
        return _envelope_code(kind, place, first["input"])
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
