"""Overview of all tenants, and work that waits for an operator."""

from collections.abc import Mapping
from typing import Final, Self

from pydantic import AliasPath, Field

from metering.app.reports.tenant_board import BoardTotals
from metering.core.basics.instants import format_instant
from metering.documents.document import Commit, Document, Money, Time
from metering.documents.prices.coverage import PriceSourceAge
from metering.documents.quotas.alerts import QuotaDocument


class TenantOverview(Document):
    """One tenant in its current period."""

    tenant: str = Field(examples=["acme"])
    plan: str = Field(validation_alias=AliasPath("balance", "plan", "id"))
    billing: str = Field(
        validation_alias=AliasPath("balance", "plan", "billing"), examples=["postpaid"]
    )
    currency: str = Field(validation_alias=AliasPath("balance", "currency"), examples=["USD"])
    period: str = Field(validation_alias=AliasPath("period", "name"), examples=["2026-11"])
    standing: str = Field(
        examples=["near"], description="unreadable, over, near, within or unlimited."
    )
    fault: str | None = Field(
        None, description="Why the ledger cannot be read; its figures are then those of none."
    )
    amount: Money = Field(validation_alias=AliasPath("balance", "amount"))
    total: Money = Field(
        validation_alias=AliasPath("balance", "charge", "total"),
        description="The charge, with the plan's terms for the whole period.",
    )
    provisioned: Money = Field(
        description="Accrued share of deployments paid by the hour: provisional, in no other"
        " amount."
    )
    provisioned_as_of: Time | None = Field(
        validation_alias=AliasPath("accrued", "at"),
        description="Up to when it has accrued; null if nothing accrues.",
    )
    projected: Money = Field(
        validation_alias=AliasPath("trend", "projected"),
        description="Projected amount at the end of the period.",
    )
    nearest: QuotaDocument | None = Field(description="The quota with the highest use.")
    credit: Money | None = Field(
        None,
        validation_alias=AliasPath("credit", "remaining", "at_least"),
        description="Remaining credit, lower bound; null without grants.",
    )
    requests: int = Field(validation_alias=AliasPath("balance", "total", "requests"))
    pending: int = Field(
        validation_alias=AliasPath("balance", "held_requests"),
        description="Streams whose token counts have not arrived.",
    )
    unpriced: int = Field(validation_alias=AliasPath("balance", "total", "unpriced"))
    missing: int = Field(validation_alias=AliasPath("balance", "total", "missing"))
    duplicates: int = Field(
        validation_alias=AliasPath("balance", "head", "diagnostics", "duplicates")
    )
    conflicts: int = Field(
        validation_alias=AliasPath("balance", "head", "diagnostics", "conflicts")
    )
    last_commit: Commit = Field(validation_alias=AliasPath("balance", "head", "committed"))


class TenantsOverview(Document):
    """A page of tenants with their committed usage."""

    as_of: str
    matches: int = Field(description="All tenants that match, on every page.")
    items: list[TenantOverview]
    next: str | None


class SpendingDocument(Document):
    """The spending of the tenants of one currency; currencies are never added up."""

    currency: str
    tenants: int
    amount: Money
    projected: Money = Field(description="Projected to the end of each tenant's period.")


class UnreadableTenant(Document):
    """A tenant whose ledger cannot be read: its figures are in no sum."""

    tenant: str
    fault: str


#: Tenants that are named; `standings` has their number.
_MAX_NAMED: Final = 20


class OverviewTotals(Document):
    """The sums over all tenants in their current periods."""

    as_of: str = Field(description="When reading them began.")
    tenants: int
    standings: Mapping[str, int] = Field(description="Tenants by standing.", examples=[{"over": 2}])
    spending: list[SpendingDocument]
    requests: int
    duplicates: int
    conflicts: int
    unpriced: int
    missing: int
    pending: int
    last_commit: Commit
    unreadable: list[UnreadableTenant] = Field(description="At most 20 of them.")

    @classmethod
    def of(cls, read: BoardTotals) -> Self:
        """Return sums as a document."""
        totals = read.totals
        same = ("tenants", "requests", "duplicates", "conflicts", "unpriced", "missing", "pending")
        return cls(
            **{name: getattr(totals, name) for name in (*same, "standings", "last_commit")},
            as_of=format_instant(read.as_of),
            spending=[
                SpendingDocument.model_validate({"currency": currency, **one._asdict()})
                for currency, one in totals.spending.items()
            ],
            unreadable=[
                UnreadableTenant(tenant=one.tenant, fault=str(one.fault))
                for one in totals.unreadable[:_MAX_NAMED]
            ],
        )


class OpenWork(Document):
    """Work that waits for an operator, across all tenants."""

    as_of: str
    ingest_lag_s: int | None = Field(
        description="Seconds that counting is behind publishing; null if not known."
    )
    effects_lag_s: int = Field(description="Seconds that the oldest effect has been due.")
    effects_parked: int = Field(description="Effects given up; counted up to 1,000.")
    dead_letters: Mapping[str, int] = Field(description="Dead letters by code.")
    dead_letters_not_kept: Mapping[str, int] = Field(
        description="Rejected events beyond the limit of an hour, by code: they are only counted."
    )
    price_sources: list[PriceSourceAge] = Field(description="The age of prices by source.")
