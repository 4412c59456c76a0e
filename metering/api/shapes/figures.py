"""Counts and amounts of usage."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from metering.api.shapes.plain import Shape
from metering.core.basics.money import Amount, format_amount, format_fixed
from metering.core.ledger.head import RateTotals
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import INDEX, QUANTITY, QUANTITY_DECIMALS, by_name


class Figures(Shape):
    """What was used, and what it comes to before what is computed over the period."""

    amount: str | None = Field(
        description="Of what has a price; null where no amount is known.", examples=["12.5"]
    )
    requests: int = Field(examples=[1200])
    tokens: Mapping[str, int] = Field(
        description="By bucket, each token in one.", examples=[{"input": 100, "output": 20}]
    )
    quantity: str | None = Field(None, description="Of another meter than tokens.")
    unit: str = Field(TOKEN, description="What is counted.", examples=["token"])
    unpriced: int = Field(description="Requests without a price: not in the amount.")
    missing: int = Field(description="Requests whose counts never came.")
    totals_only: int = Field(description="Requests counted from a log.")
    not_billable: int = Field(description="Requests that were refused or failed.")

    @classmethod
    def of(cls, line: RateTotals, amount: Amount | None, unit: str = TOKEN) -> Self:
        """Return the figures of a line; an unknown amount is null, never zero."""
        return cls.model_validate(figures(line, amount, unit))


def figures(line: RateTotals, amount: Amount | None, unit: str = TOKEN) -> dict[str, object]:
    """Return the fields of Figures."""
    counts = by_name(line.tokens)
    counts.pop(QUANTITY, None)
    is_token = unit == TOKEN
    return {
        "amount": None if amount is None else format_amount(amount),
        "requests": line.requests,
        "tokens": counts,
        "quantity": None
        if is_token
        else format_fixed(line.tokens[INDEX[QUANTITY]], QUANTITY_DECIMALS),
        "unit": unit,
        "unpriced": line.unpriced,
        "missing": line.missing,
        "totals_only": line.totals_only,
        "not_billable": line.not_billable,
    }
