"""All tenants at a glance, and what waits for an operator."""

from collections.abc import Mapping

from pydantic import Field

from metering.api.shapes.alerts import QuotaNow
from metering.api.shapes.plain import Shape
from metering.app.reports.overview import TenantNow
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount


class TenantAtAGlance(Shape):
    """One tenant in its present period."""

    tenant: str = Field(examples=["acme"])
    plan: str
    billing: str = Field(examples=["postpaid"])
    currency: str = Field(examples=["USD"])
    period: str = Field(examples=["2026-11"])
    standing: str = Field(examples=["near"], description="over, near, within or unlimited.")
    amount: str
    total: str = Field(description="The charge with all that is computed over the period.")
    projected: str = Field(description="Of the amount at the end of the period, if it goes on.")
    nearest: QuotaNow | None = Field(description="The quota of which most is used.")
    credit: str | None = Field(description="What is left of grants, at least; null without any.")
    requests: int
    pending: int = Field(description="Streams whose counts have not come yet.")
    unpriced: int
    missing: int
    duplicates: int
    conflicts: int
    last_commit: str | None

    @classmethod
    def of(cls, now: TenantNow) -> "TenantAtAGlance":
        """Return a tenant as a row."""
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
            nearest=None if nearest is None else QuotaNow.of(nearest),
            credit=None if credit is None else format_amount(credit.remaining.at_least),
            requests=balance.total.requests,
            pending=balance.held_requests,
            unpriced=balance.total.unpriced,
            missing=balance.total.missing,
            duplicates=head.diagnostics.duplicates,
            conflicts=head.diagnostics.conflicts,
            last_commit=format_instant(head.committed) if head.committed else None,
        )


class TenantsAtAGlance(Shape):
    """Tenants as committed up to now, in pages."""

    as_of: str
    items: list[TenantAtAGlance]
    next: str | None


class WorkToDo(Shape):
    """What waits for somebody, all tenants together."""

    as_of: str
    ingest_lag_s: int | None = Field(
        description="How far counting is behind what was published; null where nobody knows."
    )
    effects_lag_s: int = Field(description="How long the oldest effect has been due.")
    effects_parked: int = Field(description="Given up; counted up to 1,000.")
    dead_letters: Mapping[str, int] = Field(description="By code.")
