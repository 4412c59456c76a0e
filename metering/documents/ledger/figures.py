"""Counts and amounts of usage."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from metering.core.basics.money import Amount, format_amount, format_fixed
from metering.core.ledger.entry import Basis
from metering.core.ledger.head import RateTotals
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import INDEX, QUANTITY, QUANTITY_DECIMALS, by_name
from metering.documents.document import Document


class Figures(Document):
    """Usage and its cost, before charges that depend on the whole period."""

    amount: str | None = Field(
        description="The cost of priced usage; null if no price is known.", examples=["12.5"]
    )
    requests: int = Field(examples=[1200])
    tokens: Mapping[str, int] = Field(
        description="Tokens by bucket. Buckets do not overlap.",
        examples=[{"input": 100, "output": 20}],
    )
    quantity: str | None = Field(None, description="Units of a meter other than tokens.")
    unit: str = Field(TOKEN, description="The unit that the meter counts.", examples=["token"])
    unpriced: int = Field(description="Requests without a price, not in the amount.")
    missing: int = Field(description="Requests whose token counts never arrived.")
    totals_only: int = Field(description="Requests counted from a log.")
    not_billable: int = Field(
        description="Requests that were rejected or failed, or that a cache answered."
    )
    from_cache: int = Field(0, description="Requests that a cache of the gateway answered.")
    evidence: Mapping[Basis, int] = Field(
        description="Billable requests by what their counts are taken from.",
        examples=[{"full": 1190, "totals": 6, "recovered": 2, "estimated": 1, "missing": 1}],
    )

    @classmethod
    def of(cls, line: RateTotals, amount: Amount | None, unit: str = TOKEN) -> Self:
        """Return the figures of a line; an unknown amount is null, never zero."""
        return cls.model_validate(figures(line, amount, unit))


def figures(line: RateTotals, amount: Amount | None, unit: str = TOKEN) -> dict[str, object]:
    """Return the fields of Figures."""
    counts = by_name(line.tokens)
    counts.pop(QUANTITY, None)
    quantity = format_fixed(line.tokens[INDEX[QUANTITY]], QUANTITY_DECIMALS)
    return {
        "amount": None if amount is None else format_amount(amount),
        "requests": line.requests,
        "tokens": counts,
        "quantity": None if unit == TOKEN else quantity,
        "unit": unit,
        "unpriced": line.unpriced,
        "missing": line.missing,
        "totals_only": line.totals_only,
        "not_billable": line.not_billable,
        "from_cache": line.from_cache,
        "evidence": line.by_basis,
    }
