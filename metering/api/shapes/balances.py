"""A tenant's balance."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from metering.api.shapes.figures import Figures, figures
from metering.api.shapes.plain import Shape
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import format_amount, format_fixed
from metering.core.billing.balance import Balance, ModelBalance
from metering.core.billing.charge import Charge, ChargeLine
from metering.core.calendars.periods import Period
from metering.core.credit.credit import CreditBalance
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import QUANTITY_DECIMALS

_WHOLE = frozenset({TOKEN, "package", "request", "period"})


class ModelFigures(Figures):
    """What was used of one model or other meter."""

    model: str | None = Field(examples=["gpt-4o"])

    @classmethod
    def of_model(cls, one: ModelBalance) -> Self:
        """Return the figures of one model."""
        return cls.model_validate({"model": one.model, **figures(one.line, one.amount, one.unit)})


class LineOfCharge(Shape):
    """One line of a charge."""

    kind: str
    model: str | None
    bucket: str | None
    term: str | None
    quantity: str = Field(description="In whole units.", examples=["1200"])
    unit: str
    unit_price: str
    amount: str

    @classmethod
    def of(cls, line: ChargeLine) -> Self:
        """Return a line of a charge."""
        decimals = 0 if line.unit in _WHOLE else QUANTITY_DECIMALS
        return cls(
            kind=line.kind,
            model=line.model,
            bucket=line.bucket,
            term=line.term,
            quantity=format_fixed(line.quantity, decimals) if decimals else str(line.quantity),
            unit=line.unit,
            unit_price=format_amount(line.unit_price * 10**decimals),
            amount=format_amount(line.amount),
        )


class Charges(Shape):
    """What a period comes to under the tenant's plan, if nothing more came."""

    lines: list[LineOfCharge]
    total: str = Field(examples=["12.5"])

    @classmethod
    def of(cls, charge: Charge) -> Self:
        """Return a charge."""
        lines = [LineOfCharge.of(line) for line in charge.lines]
        return cls(lines=lines, total=format_amount(charge.total))


class Pending(Shape):
    """Streams whose counts have not come yet, by estimate: not in the amount."""

    requests: int
    amount: str


class Credit(Shape):
    """What is left of a tenant's grants."""

    currency: str
    granted: str
    remaining: str = Field(description="At least so much.")
    remaining_at_most: str
    by_channel: Mapping[str, str] = Field(description="What each billing channel may use.")
    open_spend: str = Field(description="Of periods that are not settled.")
    as_of: str

    @classmethod
    def of(cls, found: CreditBalance) -> Self:
        """Return a credit balance."""
        return cls(
            currency=found.currency,
            granted=format_amount(found.granted),
            remaining=format_amount(found.remaining.at_least),
            remaining_at_most=format_amount(found.remaining.at_most),
            by_channel={
                channel or "other": format_amount(amount)
                for channel, amount in found.by_channel.items()
            },
            open_spend=format_amount(found.open_spend),
            as_of=format_instant(found.at),
        )


class BalanceOfPeriod(Figures):
    """What a tenant has used in a period, as committed up to now."""

    tenant: str = Field(examples=["acme"])
    period: str = Field(examples=["2026-11"])
    start: str
    end: str = Field(description="The first instant after it.")
    plan: str
    currency: str = Field(examples=["USD"])
    total: str = Field(description="The charge with all that is computed over the period.")
    charges: Charges
    pending: Pending
    credits: Credit | None = Field(description="Null for a tenant that has no grants.")
    models: list[ModelFigures]
    duplicates: int = Field(description="Events that came again and were not counted again.")
    conflicts: int = Field(description="Events under a known id with other content.")
    pages: int = Field(description="Of the ledger; it grows with every commit.")
    entries: int
    last_hash: str
    last_commit: str | None = Field(description="When the last page was written.")
    as_of: str = Field(description="When this was read.")

    @classmethod
    def of_period(
        cls,
        tenant: str,
        period: Period,
        found: Balance,
        *,
        credit: CreditBalance | None,
        now: Instant,
    ) -> Self:
        """Return a balance as read at an instant."""
        head = found.head
        held = Pending(requests=found.held_requests, amount=format_amount(found.held_amount))
        return cls.model_validate(
            figures(found.total, found.amount)
            | {
                "tenant": tenant,
                "period": period.name,
                "start": format_instant(period.start),
                "end": format_instant(period.end),
                "plan": found.plan.id,
                "currency": found.currency,
                "total": format_amount(found.charge.total),
                "charges": Charges.of(found.charge),
                "pending": held,
                "credits": None if credit is None else Credit.of(credit),
                "models": [ModelFigures.of_model(one) for one in found.models],
                "duplicates": head.diagnostics.duplicates,
                "conflicts": head.diagnostics.conflicts,
                "pages": head.pages,
                "entries": head.entries,
                "last_hash": head.last_hash,
                "last_commit": format_instant(head.committed) if head.committed else None,
                "as_of": format_instant(now),
            }
        )
