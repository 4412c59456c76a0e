"""Overview of all tenants, and work that waits for an operator."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from metering.app.reports.overview import TenantNow
from metering.core.basics.money import format_amount
from metering.documents.document import Document, format_optional
from metering.documents.quotas.alerts import QuotaDocument


class TenantOverview(Document):
    """One tenant in its current period."""

    tenant: str = Field(examples=["acme"])
    plan: str
    billing: str = Field(examples=["postpaid"])
    currency: str = Field(examples=["USD"])
    period: str = Field(examples=["2026-11"])
    standing: str = Field(examples=["near"], description="over, near, within or unlimited.")
    amount: str
    total: str = Field(description="The charge, with the plan's terms for the whole period.")
    projected: str = Field(description="Projected amount at the end of the period.")
    nearest: QuotaDocument | None = Field(description="The quota with the highest use.")
    credit: str | None = Field(description="Remaining credit, lower bound; null without grants.")
    requests: int
    pending: int = Field(description="Streams whose token counts have not arrived.")
    unpriced: int
    missing: int
    duplicates: int
    conflicts: int
    last_commit: str | None

    @classmethod
    def of(cls, now: TenantNow) -> Self:
        """Return a tenant as an item of the overview."""
        balance, nearest, credit = now.balance, now.nearest, now.credit
        head = balance.head
        return cls(
            tenant=now.tenant,
            plan=balance.plan.id,
            billing=balance.plan.billing,
            currency=balance.currency,
            period=now.period.name,
            standing=now.standing,
            amount=format_amount(balance.amount),
            total=format_amount(balance.charge.total),
            projected=format_amount(now.trend.projected),
            nearest=None if nearest is None else QuotaDocument.of(nearest),
            credit=None if credit is None else format_amount(credit.remaining.at_least),
            requests=balance.total.requests,
            pending=balance.held_requests,
            unpriced=balance.total.unpriced,
            missing=balance.total.missing,
            duplicates=head.diagnostics.duplicates,
            conflicts=head.diagnostics.conflicts,
            last_commit=format_optional(head.committed or None),
        )


class TenantsOverview(Document):
    """A page of tenants with their committed usage."""

    as_of: str
    items: list[TenantOverview]
    next: str | None


class OpenWork(Document):
    """Work that waits for an operator, across all tenants."""

    as_of: str
    ingest_lag_s: int | None = Field(
        description="Seconds that counting is behind publishing; null if not known."
    )
    effects_lag_s: int = Field(description="Seconds that the oldest effect has been due.")
    effects_parked: int = Field(description="Effects given up; counted up to 1,000.")
    dead_letters: Mapping[str, int] = Field(description="Dead letters by code.")
