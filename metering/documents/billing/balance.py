"""A tenant's balance."""

from typing import Self

from pydantic import Field

from metering.core.allocation.accrued import Accrued
from metering.core.basics.instants import Instant
from metering.core.basics.money import format_amount, format_fixed
from metering.core.billing.balance import Balance, ModelBalance
from metering.core.billing.charge import WHOLE_UNITS, Charge, ChargeLine
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window
from metering.core.credit.credit import CreditBalance
from metering.core.ledger.head import Head
from metering.core.ledger.target_mark import TargetMark
from metering.core.usage.buckets import QUANTITY_DECIMALS
from metering.documents.allocation import AccruedDocument
from metering.documents.credit import CreditDocument
from metering.documents.document import Commit, Document, Money, Name, Time
from metering.documents.ledger.figures import Figures, figures


class ModelFigures(Figures):
    """Usage of one model or other meter."""

    model: str | None = Field(examples=["gpt-4o"])

    @classmethod
    def of_model(cls, one: ModelBalance) -> Self:
        """Return the figures of one model."""
        return cls.model_validate({"model": one.model, **figures(one.line, one.amount, one.unit)})


class ChargeLineDocument(Document):
    """One line of a charge."""

    kind: str
    term: str | None = Field(description="The term of the plan, if the line follows from one.")
    model: str | None
    bucket: str | None
    quantity: int | str = Field(
        description="In `unit`: a number for tokens, packages, requests and periods, a decimal"
        " string for every other unit.",
        examples=[1200],
    )
    unit: str
    unit_price: str = Field(description="The price of one `unit`.")
    amount: str
    channel: str | None = Field(description="The billing channel that is paid for this usage.")

    @classmethod
    def of(cls, line: ChargeLine) -> Self:
        """Return a line of a charge as a document."""
        decimals = 0 if line.unit in WHOLE_UNITS else QUANTITY_DECIMALS
        return cls(
            kind=line.kind,
            term=line.term,
            model=line.model,
            bucket=line.bucket,
            quantity=format_fixed(line.quantity, decimals) if decimals else line.quantity,
            unit=line.unit,
            unit_price=format_amount(line.unit_price * 10**decimals),
            amount=format_amount(line.amount),
            channel=line.channel,
        )


class ChargeDocument(Document):
    """The charge for a period under the tenant's plan, for usage so far."""

    lines: list[ChargeLineDocument]
    total: Money = Field(examples=["12.5"])

    @classmethod
    def of(cls, charge: Charge) -> Self:
        """Return a charge as a document."""
        lines = [ChargeLineDocument.of(line) for line in charge.lines]
        return cls(lines=lines, total=format_amount(charge.total))


class PendingStreams(Document):
    """Streams whose token counts have not arrived. The amount is an estimate."""

    requests: int = Field(validation_alias="held_requests")
    amount: Money = Field(
        validation_alias="held_amount", description="Not included in the amount of the balance."
    )


class PassedTarget(Document):
    """An outcome that was found to cost more than its target, as it was told."""

    use_case: str = Field(examples=["support"])
    outcome: str = Field(examples=["ticket_resolved"])
    target: Money
    cost: str = Field(description="Of one outcome then, rounded up to nine decimals.")
    amount: Money = Field(description="Of the use case in the period until then.")
    outcomes: int = Field(validation_alias="number")


def _passed(head: Head) -> tuple[TargetMark, ...]:
    return () if head.counts.past is None else head.counts.past.targets


class BalanceDocument(Figures):
    """A tenant's committed usage in a period."""

    tenant: str = Field(examples=["acme"])
    period: str = Field(examples=["2026-11"])
    start: Time
    end: Time = Field(description="The end of the period, exclusive.")
    plan: str
    currency: str = Field(examples=["USD"])
    total: Money = Field(description="The charge, with the plan's terms for the whole period.")
    charges: ChargeDocument
    provisioned: AccruedDocument
    total_with_provisioned: Money = Field(
        description="The charge and the accrued share of deployments paid by the hour."
    )
    pending: PendingStreams
    credits: CreditDocument | None = Field(
        description="Null for a tenant that has no grants and is not prepaid."
    )
    targets_passed: list[PassedTarget] = Field(
        description="Targets of the plan that were found passed in the period, each told once."
    )
    models: list[ModelFigures]
    duplicates: int = Field(description="Events received again and not counted again.")
    conflicts: int = Field(description="Events with a known id and different content.")
    ledger: Name = Field(examples=["acme|2026-11-01T00:00:00Z"])
    pages: int = Field(description="Pages of the ledger. Every commit adds one or more.")
    entries: int
    last_hash: str
    last_commit: Commit = Field(description="When the last page was written.")
    as_of: Time = Field(description="When this was read.")

    @classmethod
    def of_period(
        cls,
        tenant: str,
        period: Period,
        found: Balance,
        *,
        credit: CreditBalance | None,
        accrued: Accrued,
        now: Instant,
    ) -> Self:
        """Return a balance that was read at `now`."""
        head = found.head
        return cls.model_validate(
            figures(found.total, found.amount)
            | {
                "tenant": tenant,
                "period": period.name,
                "start": period.start,
                "end": period.end,
                "plan": found.plan.id,
                "currency": found.currency,
                "total": found.charge.total,
                "charges": ChargeDocument.of(found.charge),
                "provisioned": AccruedDocument.of(accrued, period),
                "total_with_provisioned": found.charge.total
                + accrued.within(Window(period.start, period.end)),
                "pending": found,
                "credits": credit,
                "targets_passed": _passed(head),
                "models": [ModelFigures.of_model(one) for one in found.models],
                "duplicates": head.diagnostics.duplicates,
                "conflicts": head.diagnostics.conflicts,
                "ledger": head.ledger,
                "pages": head.pages,
                "entries": head.entries,
                "last_hash": head.last_hash,
                "last_commit": head.committed,
                "as_of": now,
            }
        )
