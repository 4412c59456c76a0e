"""Meters beside the tokens: fees of one request that become usage of their own.

A search, a second of sound or the fee of a model router has its own price. Each is a meter beside
the request: the same subject, time and deployment, under an id made from the request's, so that a
repeated event counts each of them once.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

from pydantic_core import to_json

from metering.core.usage.buckets import INPUT_BUCKETS, NO_TOKENS, TOKENS
from metering.core.usage.event import METER_USAGE
from metering.core.usage.families import family_of
from metering.core.usage.provider_usage import UNIT_OF_METER
from metering.core.usage.usage import Dimensions, Usage, content_of

#: The unit of every meter that is not in UNIT_OF_METER: a tool's name and how often it was called.
CALL: Final = "call"
#: The model name of Azure's router. It picks the model that serves a request, and has a fee for
#: each prompt token beside that model's price (Azure's pricing page, 2026-11).
ROUTER: Final = "model-router"
ROUTER_UNIT: Final = "million prompt tokens"

_DIGEST_BYTES: Final = 8


def is_router(name: str | None) -> bool:
    """Say whether a model or deployment is Azure's model router, in any of its versions."""
    return name is not None and name.lower().startswith(ROUTER)


def meters_of(usage: Usage, counts: Iterable[tuple[str, int]]) -> tuple[Usage, ...]:
    """Return the meters beside a request; `counts` are by meter, in 10^-6 of its unit."""
    return tuple(
        _meter(usage, name, UNIT_OF_METER.get(name, CALL), count) for name, count in counts if count
    )


def router_fee(usage: Usage) -> Usage:
    """Return the router's fee for a request: a millionth of its unit for each prompt token."""
    return _meter(usage, ROUTER, ROUTER_UNIT, sum(usage.buckets[INPUT_BUCKETS]))


def _meter(usage: Usage, name: str, unit: str, quantity: int) -> Usage:
    dimensions = _dimensions(usage.dimensions, name, unit)
    buckets = (*NO_TOKENS[TOKENS], quantity)
    # As digests were before meters named what was asked for: a repeat stays a duplicate.
    content = content_of(dimensions._replace(requested_model=None))
    said = (content, usage.time, usage.end_user, quantity)
    digest = hashlib.blake2b(to_json(said), digest_size=_DIGEST_BYTES).hexdigest()
    _, source, id_ = usage.key
    return usage._replace(
        key=(METER_USAGE, source, f"{id_}#{name}"),
        digest=digest,
        dimensions=dimensions,
        buckets=buckets,
    )


def _dimensions(of: Dimensions, name: str, unit: str) -> Dimensions:
    family = family_of(of.model, of.provider, of.requested_model, of.deployment)
    return of._replace(
        type=METER_USAGE,
        model=name,
        provider=of.provider if family is None else family.provider,
        service_tier=None,
        unit=unit,
        not_understood=None,
        surplus=None,
    )
