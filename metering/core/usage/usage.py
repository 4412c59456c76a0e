"""Usage: one validated request with disjoint counts, and what it was."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from metering.core.basics.instants import DAY, Instant
from metering.core.usage.buckets import Buckets
from metering.core.usage.evidence import Evidence

MAX_AGE: Final = 400 * DAY

_OK = range(200, 300)
_TIMED_OUT = 408
_NEVER_PROCESSED = frozenset({401, 403, 404, 429})
_BAD_REQUEST = 400
#: Error codes of refusals that the service charges for (Azure OpenAI "manage costs", 2026-10).
CHARGED_REFUSALS: Final = frozenset(
    {"content_filter", "responsibleaipolicyviolation", "context_length_exceeded"}
)

#: Makes a named tuple of all its values in order, without the call that names them.
new_record: Final = cast("Callable[[type[Any], tuple[Any, ...]], Any]", tuple.__new__)

type EventKey = tuple[str, str, str]
"""Identity of an event: type, lower-cased source, id."""


class Dimensions(NamedTuple):
    """The attributes of a request apart from its end user and counts, shared by many entries."""

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
    unit: str | None = None
    """Of a meter other than tokens: what it counts; its name is in `model`. So of an outcome."""
    error: str | None = None
    """The error code of a request that the service refused."""
    not_understood: str | None = None
    """The field that may cost something and that no rule understands: there is no price."""
    surplus: int | None = None
    """Cached tokens that the service reported beyond the prompt; they are in no bucket."""
    cache: str | None = None
    """The gateway's cache of responses: `hit` asked no model; `miss` and `none` say nothing."""
    agent: str | None = None
    """The agent or application of the tenant that made the request, as the gateway names it."""
    session: str | None = None
    producer: str | None = None
    """Who sent the event to the API, as the API signed it in; None for events of the gateway."""
    revision: int | None = None
    """Of a sum over many requests: how often its counts have changed; None for one request."""

    @property
    def is_stand_in(self) -> bool:
        """Say whether somebody else than the gateway speaks under one of its sources."""
        return self.producer is not None and self.source.startswith(GATEWAY_SOURCES)

    @property
    def is_of_producer(self) -> bool:
        """Say whether a producer reported it under a source of its own."""
        return self.producer is not None and not self.source.startswith(GATEWAY_SOURCES)


#: How the sources of the gateway begin, as its policies name them; sources are lower-cased.
GATEWAY_SOURCES: Final = "/apim/"
#: How the sources of exporters of telemetry begin, which have keys of their own.
EXPORTER_SOURCES: Final = "/otlp/"
#: Sources that no producer may speak under.
RESERVED_SOURCES: Final = (GATEWAY_SOURCES, EXPORTER_SOURCES)

#: The value of `cache` of a response that no model gave.
CACHE_HIT: Final = "hit"

#: The numbers of fields that dimensions had in earlier versions. Digests of events that say nothing
#: in later fields stay as they were, so that a repeat of an old event is still its duplicate.
_LENGTHS: Final = tuple(
    Dimensions._fields.index(last) + 1
    for last in ("unit", "surplus", "cache", "session", "producer")
)


def digested(dimensions: Dimensions) -> tuple[Any, ...]:
    """Return the dimensions as pages keep them, without the last fields that say nothing."""
    for length in _LENGTHS:
        if all(value is None for value in dimensions[length:]):
            return dimensions[:length]
    return dimensions


def content_of(dimensions: Dimensions) -> tuple[Any, ...]:
    """Return the dimensions as digests of events cover them.

    Who sent an event is no part of its content: it is the same event from whomever it comes. Nor is
    a cache that gave no response: earlier versions did not keep it.
    """
    cache = dimensions.cache if dimensions.cache == CACHE_HIT else None
    return digested(dimensions._replace(producer=None, cache=cache))


class Usage(NamedTuple):
    """One validated request. `digest` covers its content, not its transport."""

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


def is_billable(status: int, *, counted: bool, error: str | None = None) -> bool:
    """Say whether the service processed a request, and so charges for it.

    Source: Azure OpenAI "manage costs" (2026-10): 2xx, 408 and a 400 from the content filter or the
    input limit are charged, 401 and 429 are not. A 400 or 5xx shows that it was processed by
    carrying counts, a 400 also by its error code.
    """
    if status in _OK or status == _TIMED_OUT:
        return True
    if status == _BAD_REQUEST and error is not None and error.lower() in CHARGED_REFUSALS:
        return True
    return counted and status not in _NEVER_PROCESSED
