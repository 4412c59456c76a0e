"""Quotes: the price of one request, line by line."""

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import Field

from metering.core.basics.money import (
    MULTIPLIER_DECIMALS,
    PRICE_DECIMALS,
    format_amount,
    format_fixed,
)
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceRow
from metering.core.prices.quote import Quote, QuoteLine
from metering.core.usage.buckets import QUANTITY, QUANTITY_DECIMALS
from metering.documents.document import Document

#: Other meters are priced by the unit and counted in millionths of it.
_MILLIONTHS = 10**QUANTITY_DECIMALS


class QuoteLineDocument(Document):
    """One line of a quote."""

    bucket: str
    quantity: int | str = Field(description="A number of tokens, or a decimal string of units.")
    list_price: str | None = Field(description="Null if the plan sets the price.")
    multiplier: str | None
    unit_price: str
    amount: str
    price_row: str | None

    @classmethod
    def of(cls, line: QuoteLine, price_row: str | None) -> Self:
        """Return a line of a quote as a document."""
        of_meter = line.bucket == QUANTITY
        scale = _MILLIONTHS if of_meter else 1
        listed = None if line.list_price is None else line.list_price * scale
        multiplier = line.multiplier
        return cls(
            bucket=line.bucket,
            quantity=format_fixed(line.quantity, QUANTITY_DECIMALS) if of_meter else line.quantity,
            list_price=None if listed is None else format_fixed(listed, PRICE_DECIMALS),
            multiplier=None
            if multiplier is None
            else format_fixed(multiplier, MULTIPLIER_DECIMALS),
            unit_price=format_amount(line.unit_price * scale),
            amount=format_amount(line.amount),
            price_row=price_row,
        )


class QuoteDocument(Document):
    """The price of one request; without a price, the reason."""

    priced: bool
    currency: str
    amount: str | None
    reason: str | None = Field(description="Why the request has no price.")
    model: str | None
    channel: str | None
    price_version: str | None
    price_row: str | None
    price_basis: str | None = Field(
        description="Published by the seller, or reported: known from public reports."
    )
    billed_as: Mapping[str, str] = Field(
        description="Buckets that have no discount here, and the buckets they are billed as."
    )
    unit: str | None
    multiplier: str | None
    lines: list[QuoteLineDocument]

    @classmethod
    def of(cls, plan: Plan, quotes: Sequence[Quote]) -> Self:
        """Return the quotes of a request and of the meters beside it as one document."""
        request = quotes[0]
        reasons = [quote.reason for quote in quotes if quote.reason is not None]
        rate, row, is_priced = request.rate, request.row, not reasons
        total = sum(quote.amount or 0 for quote in quotes)
        return cls(
            priced=is_priced,
            currency=plan.currency,
            amount=format_amount(total) if is_priced else None,
            reason="; ".join(reasons) or None,
            model=rate.model if is_priced else None,
            channel=rate.channel if is_priced else None,
            price_version=rate.version if is_priced else None,
            price_row=rate.row if is_priced else None,
            price_basis=_basis(row) if is_priced else None,
            billed_as=dict(row.billed_as) if is_priced and row is not None else {},
            unit=rate.unit if is_priced else None,
            multiplier=format_fixed(rate.multiplier, MULTIPLIER_DECIMALS) if is_priced else None,
            lines=[
                QuoteLineDocument.of(line, quote.rate.row)
                for quote in quotes
                for line in quote.lines
                if is_priced
            ],
        )


def _basis(row: PriceRow | None) -> str | None:
    if row is None:
        return None
    return "reported" if row.source.is_reported else "published"
