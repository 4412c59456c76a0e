"""Allocated cost of provisioned capacity."""

from typing import Self

from pydantic import Field

from metering.core.allocation.allocation import Share, Sharing
from metering.core.basics.instants import format_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, format_amount, format_fixed
from metering.documents.document import Document


class CapacitySpan(Document):
    """A time span with constant capacity and hourly price."""

    start: str
    end: str
    units: int
    hourly_price: str
    idle: str = Field(description="Who pays for idle hours.")


class AllocatedShare(Document):
    """The share of one tenant."""

    tenant: str
    used: str = Field(description="Cost of the hours in which the tenant used the deployment.")
    idle: str = Field(description="Share of the cost of idle hours.")
    amount: str
    weighted_tokens: str
    hours: int
    billable: bool = Field(description="False if the tenant's plan is in another currency.")

    @classmethod
    def of(cls, share: Share) -> Self:
        """Return a share as a document."""
        return cls(
            tenant=share.tenant,
            used=format_amount(share.used),
            idle=format_amount(share.idle),
            amount=format_amount(share.amount),
            weighted_tokens=format_fixed(share.tokens, MULTIPLIER_DECIMALS),
            hours=share.hours,
            billable=share.is_billable,
        )


class CountedLedger(Document):
    """A ledger whose usage was allocated, up to a page."""

    ledger: str
    page: int
    hash: str


class AllocationDocument(Document):
    """The cost of a deployment in a month. Shares and `unallocated` add up to `cost`."""

    deployment: str
    month: str = Field(examples=["2026-11"])
    currency: str
    cost: str
    hours: int
    idle_hours: int
    spans: list[CapacitySpan]
    shares: list[AllocatedShare]
    unallocated: str
    counted: list[CountedLedger]

    @classmethod
    def of(cls, sharing: Sharing) -> Self:
        """Return an allocation as a document."""
        return cls(
            deployment=sharing.deployment,
            month=format_instant(sharing.month.start)[:7],
            currency=sharing.currency,
            cost=format_amount(sharing.cost),
            hours=sharing.hours,
            idle_hours=sharing.idle_hours,
            spans=[
                CapacitySpan(
                    start=format_instant(span.start),
                    end=format_instant(span.end),
                    units=span.units,
                    hourly_price=format_amount(span.hourly_price),
                    idle=span.idle,
                )
                for span in sharing.spans
            ],
            shares=[AllocatedShare.of(share) for share in sharing.shares],
            unallocated=format_amount(sharing.unallocated),
            counted=[
                CountedLedger(ledger=str(one.ledger), page=one.page, hash=one.hash)
                for one in sharing.counted
            ],
        )
