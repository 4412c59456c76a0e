"""Requests, one by one: what each was, what it cost by which price, and what was corrected."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from pydantic import Field

from metering.core.basics.csv_text import Cell, Figure, csv_line, figure
from metering.core.basics.instants import format_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, format_amount, format_fixed
from metering.core.ledger.entry import Basis, State
from metering.core.prices.price_book import TOKEN
from metering.core.prices.rating import Rate
from metering.core.reports.requests import Request
from metering.core.usage.buckets import (
    BUCKETS,
    INDEX,
    QUANTITY,
    QUANTITY_DECIMALS,
    TOKEN_BUCKETS,
    by_name,
)
from metering.documents.document import Document


class PriceDocument(Document):
    """The price of a request: a row of a version, with the plan's multiplier."""

    version: str = Field(examples=["2026-11-19"])
    row: str | None = Field(
        description="The row of the version; null for a price of the plan itself."
    )
    multiplier: str = Field(
        description="What the list price was multiplied with: markup, discounts, hours of the day.",
        examples=["1.2"],
    )
    unit: str = Field(examples=["token"])
    unit_prices: Mapping[str, str] = Field(
        description="The price of one unit of each bucket, after the multiplier."
    )
    channel: str | None

    @classmethod
    def of(cls, rate: Rate) -> Self | None:
        """Return a rate as a document; None without a price."""
        if rate.version is None:
            return None
        scale = 1 if rate.unit == TOKEN else 10**QUANTITY_DECIMALS
        return cls(
            version=rate.version,
            row=rate.row,
            multiplier=format_fixed(rate.multiplier, MULTIPLIER_DECIMALS),
            unit=rate.unit,
            unit_prices={
                name: format_amount(unit * scale)
                for name, unit in zip(BUCKETS, rate.units, strict=True)
                if unit is not None and (name == QUANTITY) == (rate.unit != TOKEN)
            },
            channel=rate.channel,
        )


class StateDocument(Document):
    """A request's state at one time."""

    evidence: Basis = Field(
        description="What the counts are taken from; not_billable: rejected or failed; pending:"
        " a stream that waits for its counts; withdrawn: it had counted twice."
    )
    model: str | None = Field(description="The model that is charged.", examples=["gpt-4o"])
    amount: str | None = Field(
        description="Null while counts or price are not known, and for a pending stream.",
        examples=["0.0035"],
    )
    tokens: Mapping[str, int] = Field(
        description="Tokens by bucket; those of a pending stream are an estimate.",
        examples=[{"input": 1000, "output": 100}],
    )
    quantity: str | None = Field(None, description="Units of a meter other than tokens.")
    unit: str = Field(TOKEN, description="The unit that the meter counts.")
    unpriced: bool = Field(description="True if the counts are known and the price is not.")
    price: PriceDocument | None
    producer: str | None = Field(
        None, description="Who sent the event to the API. Null: the gateway."
    )
    status: int = Field(description="The HTTP status that the client got.", examples=[200])
    error: str | None
    model_served: str | None = Field(description="The model that the response named.")
    deployment: str | None
    product: str | None
    use_case: str | None
    user: str | None


class CorrectionDocument(StateDocument):
    """A state that was replaced, and the entry that had recorded it."""

    page: int
    row: int


class RequestDocument(StateDocument):
    """One request."""

    id: str
    type: str = Field(examples=["llm.usage.v1"])
    source: str
    time: str
    period_start: str = Field(description="The start of the period that it is charged in.")
    subscription: str
    model_asked: str | None = Field(description="The model that the request named.")
    deployment_type: str | None
    region: str | None
    service_tier: str | None
    streamed: bool | None
    not_understood: str | None = Field(
        description="The field that may cost something and that no rule understands."
    )
    page: int = Field(description="The page of the ledger with the latest entry.")
    row: int
    committed: str = Field(description="When that page was written.")
    corrections: list[CorrectionDocument] = Field(
        description="What later events or prices replaced, oldest first."
    )

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return a request as a document."""
        entry = request.entry
        of = entry.state.dimensions
        return cls(
            **_state(entry.state, entry.end_user),
            id=entry.id,
            type=of.type,
            source=of.source,
            time=format_instant(entry.time),
            period_start=format_instant(request.ledger.start),
            subscription=of.subject,
            model_asked=of.requested_model,
            deployment_type=of.deployment_type,
            region=of.region,
            service_tier=of.service_tier,
            streamed=of.streamed,
            not_understood=of.not_understood,
            page=request.at.page,
            row=request.at.row,
            committed=format_instant(request.committed),
            corrections=[
                CorrectionDocument(**_state(state, user), page=at.page, row=at.row)
                for at, state, user in request.earlier
            ],
        )


class RequestsDocument(Document):
    """A page of a tenant's requests, newest first. It can be empty although `next` is not null."""

    requests: list[RequestDocument]
    next: str | None


def _state(state: State, user: str | None) -> dict[str, Any]:
    """Return the fields of StateDocument."""
    tokens = by_name(state.buckets)
    tokens.pop(QUANTITY, None)
    is_tokens = state.rate.unit == TOKEN
    quantity = format_fixed(state.buckets[INDEX[QUANTITY]], QUANTITY_DECIMALS)
    of = state.dimensions
    is_known = state.amount is not None and not state.is_hold
    return {
        "evidence": state.basis,
        "model": state.rate.model,
        "amount": format_amount(state.amount or 0) if is_known else None,
        "tokens": tokens,
        "quantity": None if is_tokens else quantity,
        "unit": state.rate.unit,
        "unpriced": state.is_unpriced,
        "price": PriceDocument.of(state.rate),
        "producer": of.producer,
        "status": of.status,
        "error": of.error,
        "model_served": of.model,
        "deployment": of.deployment,
        "product": of.product,
        "use_case": of.use_case,
        "user": user,
    }


_TEXTS: Final = (
    *("time", "id", "type", "source", "subscription", "status", "error"),
    *("model", "model_asked", "model_served", "deployment", "deployment_type", "region"),
    *("service_tier", "product", "use_case", "user", "evidence"),
)
#: The columns of the CSV, in order.
COLUMNS: Final = (
    *_TEXTS,
    *TOKEN_BUCKETS,
    *("quantity", "unit", "price_version", "price_row", "multiplier", "amount", "corrections"),
    "producer",
)


def requests_csv(requests: list[Request], *, header: bool = True) -> Iterator[str]:
    """Yield the lines of a CSV file; an unknown amount is an empty cell, never zero."""
    if header:
        yield csv_line(COLUMNS)
    for request in requests:
        yield csv_line(_cells(request))


def _cells(request: Request) -> Iterator[Cell]:
    document = RequestDocument.of(request)
    state, price = request.entry.state, document.price
    for name in _TEXTS:
        value = getattr(document, name)
        yield value if value is None or isinstance(value, int) else str(value)
    yield from (state.buckets[INDEX[name]] for name in TOKEN_BUCKETS)
    yield None if document.quantity is None else Figure(document.quantity)
    yield document.unit
    yield None if price is None else price.version
    yield None if price is None else price.row
    yield None if price is None else Figure(price.multiplier)
    yield None if document.amount is None else figure(state.amount)
    yield len(document.corrections)
    yield document.producer
