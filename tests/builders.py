"""Events, usages and books in the shape that tests need them, with every part replaceable."""

import json
from collections.abc import Sequence
from typing import Any

from metering.core.basics.instants import Instant, parse_instant
from metering.core.basics.money import Amount, parse_fixed
from metering.core.ledger.head import RateTotals
from metering.core.ledger.names import Rating
from metering.core.plans.plan import ONE, Plan
from metering.core.prices.price_book import NamedRow, PriceBook
from metering.core.prices.price_file import read_price_file
from metering.core.prices.priced import PricingKey
from metering.core.prices.rating import Rate, rate_card, rate_usage
from metering.core.tenancy.record import Decision, Record
from metering.core.usage.buckets import BUCKETS, Buckets, from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Dimensions, Usage

NOW: Instant = parse_instant("2026-11-20T12:00:00Z")
AT: Instant = parse_instant("2026-11-20T11:45:00Z")
"""When requests are made unless a test says otherwise: in the middle of a slot."""


def event(**changes: Any) -> dict[str, Any]:
    """Return a final chat event; `data__x=` changes a field of data, `x=` one of the envelope.

    A change to `...` removes the field.
    """
    made: dict[str, Any] = {
        "specversion": "1.0",
        "type": "llm.usage.v1",
        "source": "/apim/test",
        "id": "r-1",
        "time": "2026-11-20T11:45:00Z",
        "subject": "sub-1",
        "data": {
            "model": "gpt-4o-2024-11-20",
            "deployment": "gpt-4o",
            "deployment_type": "global",
            "status": 200,
            "tokens": "final",
            "usage": {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100},
        },
    }
    for name, value in changes.items():
        part, field = (made["data"], name[6:]) if name.startswith("data__") else (made, name)
        if value is ...:
            del part[field]
        else:
            part[field] = value
    return made


def body(**changes: Any) -> bytes:
    """Return the body of such an event."""
    return json.dumps(event(**changes)).encode()


def dimensions(**changes: Any) -> Dimensions:
    """Return the dimensions of a final chat request."""
    made = Dimensions(
        type="llm.usage.v1",
        source="/apim/test",
        subject="sub-1",
        status=200,
        model="gpt-4o",
        requested_model=None,
        provider=None,
        product=None,
        api=None,
        operation=None,
        deployment=None,
        deployment_type=None,
        region=None,
        service_tier=None,
        backend=None,
        spillover=None,
        streamed=None,
        use_case=None,
    )
    return made._replace(**changes)


def usage(
    id_: str = "r-1",
    *,
    digest: str = "d1",
    evidence: Evidence = Evidence.FULL,
    time: Instant = AT,
    arrival: Instant = NOW,
    end_user: str | None = None,
    buckets: Buckets | None = None,
    **dimension_changes: Any,
) -> Usage:
    """Return a usage; 1,000 input and 100 output tokens of gpt-4o unless told otherwise."""
    counts = from_names({"input": 1000, "output": 100}) if buckets is None else buckets
    made = dimensions(**dimension_changes)
    key = (made.type, made.source, id_)
    return Usage(key, digest, evidence, time, arrival, made, end_user, counts)


def meter_event(**changes: Any) -> dict[str, Any]:
    """Return an event of another meter: two vector searches; changes as in `event`."""
    made = event(
        id="m-1",
        type="meter.usage.v1",
        source="/app/search",
        data={"meter": "vector-search", "quantity": "2", "unit": "query"},
    )
    for name, value in changes.items():
        part, field = (made["data"], name[6:]) if name.startswith("data__") else (made, name)
        if value is ...:
            del part[field]
        else:
            part[field] = value
    return made


def outcome_event(**changes: Any) -> dict[str, Any]:
    """Return an outcome: one ticket resolved in use case support; changes as in `event`."""
    data = {"use_case": "support", "outcome": "ticket_resolved"}
    made = {"id": "o-1", "type": "business.outcome.v1", "source": "/app/desk", "data": data}
    return event(**{**made, **changes})


def meter_price(**changes: Any) -> dict[str, Any]:
    """Return a price of that meter: 0.004 a query."""
    made = {
        "meter": "vector-search",
        "unit": "query",
        "provider": "own",
        "channel": "microsoft",
        "region": None,
        "effective_from": "2026-01-01T00:00:00Z",
        "price": "0.004",
    }
    return {**made, **changes}


def price_file(
    *rows: dict[str, Any],
    version: str = "v1",
    currency: str = "USD",
    meters: Sequence[dict[str, Any]] = (),
) -> bytes:
    """Return a price file of rows; each takes what it does not say from `price_row`."""
    return json.dumps(
        {
            "version": version,
            "currency": currency,
            "origin": {"source": "a test", "url": "", "retrieved": "2026-11-20", "via": ""},
            "prices": [price_row(**row) for row in rows],
            "other_meters": [meter_price(**meter) for meter in meters],
        }
    ).encode()


def price_row(**changes: Any) -> dict[str, Any]:
    """Return one row: gpt-4o, global, 2.50 in, 1.25 cached, 10 out per million."""
    row: dict[str, Any] = {
        "model": "gpt-4o",
        "aliases": [],
        "provider": "openai",
        "channel": "microsoft",
        "deployment_type": "global",
        "region": None,
        "service_tier": "standard",
        "context_tier": None,
        "effective_from": "2026-01-01T00:00:00Z",
        "per_million_tokens": {"input": "2.5", "cached_read": "1.25", "output": "10"},
        "meters": {},
    }
    row.update(changes)
    return row


def price_book(*rows: dict[str, Any]) -> PriceBook:
    """Return a book of rows; without any, the one of `price_row`."""
    return PriceBook(price_rows(*rows))


def price_rows(*rows: dict[str, Any]) -> list[NamedRow]:
    """Return rows under all their names; without any, the one of `price_row`."""
    return read_price_file("prices.json", price_file(*rows or ({},)))


def plan(markup: str = "0", **changes: Any) -> Plan:
    """Return a plan in USD."""
    return Plan(id="test", markup=markup, **changes)


def a_rate(model: str | None = "gpt-4o", *, version: str | None = "v1", **prices: str) -> Rate:
    """Return a rate; `input="2.5"` is 2.50 per million tokens of that bucket."""
    units = tuple(
        parse_fixed(prices[bucket], 6) * 10**6 if bucket in prices else None for bucket in BUCKETS
    )
    return Rate(model, version, version and f"{model}/global", ONE, units)


def a_line(
    requests: int = 1, *, flags: tuple[int, int, int] = (0, 0, 0), **counts: int
) -> RateTotals:
    """Return a line; `flags` count its requests not billable, unpriced and missing."""
    return RateTotals(requests, *flags, from_names(counts))


def rating(book: PriceBook | None = None, markup: str = "0") -> Rating:
    """Return a rating under one plan, as if every model were deployed globally."""
    prices = book or price_book()

    def rate(request: Usage, at: Instant) -> tuple[Rate, Amount | None]:
        priced = PricingKey(request.dimensions.model, None, None, None)
        return rate_usage(rate_card(prices, plan(markup), priced, at), request.buckets)

    return rate


def recorded(decision: Decision[Any]) -> Record:
    """Return the record of a decision that is news."""
    assert decision.record is not None
    return decision.record
