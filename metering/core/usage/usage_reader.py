"""Reads the bodies of events into usage: requests to models, other meters, and outcomes."""

import hashlib
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json, to_json

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.usage.buckets import (
    NO_TOKENS,
    QUANTITY_DECIMALS,
    TOKENS,
    by_position,
    from_names,
)
from metering.core.usage.event import (
    BUSINESS_OUTCOME,
    LLM_USAGE,
    MAX_BODY_BYTES,
    METER_USAGE,
    OUTCOME,
    BusinessOutcomeEvent,
    LlmUsageData,
    LlmUsageEvent,
    MeterUsageEvent,
)
from metering.core.usage.event_rejection import (
    accepted_time,
    is_about_usage,
    is_of_type,
    rejection,
)
from metering.core.usage.evidence import Evidence
from metering.core.usage.families import family_of
from metering.core.usage.meters import meters_of
from metering.core.usage.native_usage import tidied
from metering.core.usage.provider_usage import Reading, read_usage
from metering.core.usage.tiers import served_tier, service_tier
from metering.core.usage.usage import (
    CACHE_HIT,
    Dimensions,
    Usage,
    content_of,
    is_billable,
    new_record,
)

_DIGEST_BYTES = 8
#: Events of other meters and outcomes report what was done, never a failed attempt.
_OK = 200
#: Distinct sets of dimensions kept in memory; then the table starts anew.
_MAX_INTERNED = 50_000

#: The validator behind `LlmUsageEvent.model_validate_json`, without the checks of its options.
_validate: Final = LlmUsageEvent.__pydantic_validator__.validate_json
_RANKS: Final = {rank.name.lower(): rank for rank in Evidence}


class Read(NamedTuple):
    """One event, read: its usage, and the meters beside it."""

    usage: Usage
    meters: tuple[Usage, ...] = ()


class _Counts(NamedTuple):
    """The counts of one request to a model."""

    evidence: Evidence
    reading: Reading
    service_tier: str | None


class UsageReader:
    """Reads bodies into usage; keeps one copy of equal dimensions with their part of a digest."""

    def __init__(self) -> None:
        self._interned: dict[tuple[object, ...], tuple[Dimensions, hashlib.blake2b]] = {}

    def read(self, body: bytes, arrival: Instant) -> Usage:
        """Return the usage in `body`, which arrived at `arrival`; RejectedEvent says why not."""
        return self.read_all(body, arrival).usage

    def read_all(self, body: bytes, arrival: Instant) -> Read:
        """Return the usage in `body` with the meters beside it; RejectedEvent says why not."""
        if len(body) > MAX_BODY_BYTES:
            raise RejectedEvent(Code.TOO_LARGE, f"{len(body)} bytes, at most {MAX_BODY_BYTES}")
        request: LlmUsageEvent | None
        event: LlmUsageEvent | MeterUsageEvent | BusinessOutcomeEvent
        beside: tuple[tuple[str, int], ...] = ()
        try:
            request = _validate(body)
        except ValidationError as error:
            request = _with_tidied_usage(error, body)
            if request is None:
                event, millionths, said = _read_other(error, body)
                evidence, buckets = Evidence.FULL, (*NO_TOKENS[TOKENS], millionths)
        if request is not None:
            event = request
            evidence, reading, tier = _counts(request.data)
            buckets, beside = reading.buckets, reading.meters
            said = _said(request, reading, tier)
        time = accepted_time(event.time, arrival)
        dimensions, begun = self._intern(said)
        end_user = event.data.end_user
        digest = begun.copy()
        digest.update(to_json((time, end_user, by_position(buckets))))
        if beside:
            digest.update(to_json(beside))
        key = (event.type, dimensions.source, event.id)
        usage: Usage = new_record(
            Usage,
            (key, digest.hexdigest(), evidence, time, arrival, dimensions, end_user, buckets),
        )
        return Read(usage, meters_of(usage, beside) if beside else ())

    def _intern(self, said: tuple[Any, ...]) -> tuple[Dimensions, hashlib.blake2b]:
        """Return the dimensions that an event said, and the digest begun with them."""
        known = self._interned.get(said)
        if known is None:
            if len(self._interned) >= _MAX_INTERNED:
                self._interned.clear()
            dimensions: Dimensions = new_record(Dimensions, said)
            dimensions = dimensions._replace(source=dimensions.source.lower())
            begun = hashlib.blake2b(to_json(content_of(dimensions)), digest_size=_DIGEST_BYTES)
            known = self._interned[said] = (dimensions, begun)
        return known


def _said(event: LlmUsageEvent, reading: Reading, tier: str | None) -> tuple[Any, ...]:
    """Return the parts of Dimensions as an event says them."""
    data = event.data
    return (
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
        tier,
        data.backend,
        data.spillover,
        data.streamed,
        data.use_case,
        reading.unit,
        data.error,
        reading.not_understood,
        reading.surplus or None,
        data.cache,
        data.agent,
        data.session,
        event.producer,
        (data.revision or 0) if data.evidence == "aggregate" and data.usage else None,
    )


def _with_tidied_usage(error: ValidationError, body: bytes) -> LlmUsageEvent | None:
    """Return a request whose usage is valid but for its spelling (34.0 for 34); None otherwise."""
    if not is_about_usage(error):
        return None
    whole = from_json(body)
    whole["data"]["usage"] = tidied(whole["data"]["usage"])
    try:
        request: LlmUsageEvent = _validate(to_json(whole))
    except ValidationError:
        return None
    return request


def _read_other(
    error: ValidationError, body: bytes
) -> tuple[MeterUsageEvent | BusinessOutcomeEvent, int, tuple[Any, ...]]:
    """Return an event that is no request to a model, its millionths, and what it says."""
    if is_of_type(error, METER_USAGE):
        measured = _parsed(MeterUsageEvent, body)
        return measured, measured.data.quantity, _said_of_meter(measured)
    if is_of_type(error, BUSINESS_OUTCOME):
        outcome = _parsed(BusinessOutcomeEvent, body)
        return outcome, outcome.data.count * 10**QUANTITY_DECIMALS, _said_of_outcome(outcome)
    raise rejection(error, body) from None


def _parsed[E: BaseModel](model: type[E], body: bytes) -> E:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise rejection(error, body) from None


def _said_of_meter(event: MeterUsageEvent) -> tuple[Any, ...]:
    data = event.data
    said = Dimensions(
        type=METER_USAGE,
        source=event.source,
        subject=event.subject,
        status=_OK,
        model=data.meter,
        requested_model=None,
        provider=data.provider,
        product=data.product,
        api=data.api,
        operation=data.operation,
        deployment=None,
        deployment_type=None,
        region=data.region,
        service_tier=None,
        backend=data.backend,
        spillover=None,
        streamed=None,
        use_case=data.use_case,
        unit=data.unit,
        agent=data.agent,
        session=data.session,
        producer=event.producer,
    )
    return tuple(said)


def _said_of_outcome(event: BusinessOutcomeEvent) -> tuple[Any, ...]:
    data = event.data
    said = Dimensions(
        type=BUSINESS_OUTCOME,
        source=event.source,
        subject=event.subject,
        status=_OK,
        model=data.outcome,
        requested_model=None,
        provider=None,
        product=data.product,
        api=None,
        operation=None,
        deployment=None,
        deployment_type=None,
        region=None,
        service_tier=None,
        backend=None,
        spillover=None,
        streamed=None,
        use_case=data.use_case,
        unit=OUTCOME,
        producer=event.producer,
    )
    return tuple(said)


def _counts(data: LlmUsageData) -> _Counts:
    usage, status = data.usage, data.status
    if data.cache == CACHE_HIT:
        # A response from a cache repeats the counts of the one that was stored.
        return _Counts(_RANKS[data.evidence], Reading(NO_TOKENS), service_tier(data.service_tier))
    if usage is None:
        return _Counts(
            _evidence_without_usage(data), _estimate(data), service_tier(data.service_tier)
        )
    if data.tokens != "final":
        raise RejectedEvent(Code.USAGE_UNEXPECTED, f"data.usage: given, but tokens={data.tokens}")
    family = family_of(data.model, data.provider, data.requested_model, data.deployment)
    reading = read_usage(usage, family)
    tier, served = service_tier(data.service_tier), served_tier(usage)
    if not is_billable(status, counted=True, error=data.error):
        reading = Reading(NO_TOKENS)
    elif data.tool_calls:
        calls = ((name, count * 10**QUANTITY_DECIMALS) for name, count in data.tool_calls.items())
        reading = reading._replace(meters=(*reading.meters, *calls))
    elif data.server_tools and data.evidence != "full":
        # Counts from a log have the tokens and no calls, which may have a fee of their own.
        reading = reading._replace(
            not_understood=reading.not_understood or f"server_tools.{data.server_tools[0]}"
        )
    if tier is not None and served is not None and tier != served:
        # Two tiers, two prices: which of them is charged is not known.
        reading = reading._replace(not_understood=reading.not_understood or "service_tier")
    return _Counts(_RANKS[data.evidence], reading, tier or served)


def _evidence_without_usage(data: LlmUsageData) -> Evidence:
    billable = is_billable(data.status, counted=False, error=data.error)
    if data.tokens == "final" and billable:
        raise RejectedEvent(Code.USAGE_MISSING, "data.usage: required when tokens are final")
    return Evidence.HELD if data.tokens == "pending" and billable else Evidence.ABSENT


def _estimate(data: LlmUsageData) -> Reading:
    """Return the counts of an event without usage: of a stream's request (see past.py), or none."""
    if data.hold is None or _evidence_without_usage(data) is not Evidence.HELD:
        return Reading(NO_TOKENS)
    prompt, output = data.hold.prompt_tokens_estimate or 0, data.hold.max_output_tokens or 0
    return Reading(from_names({"input": prompt, "output": output}))
