"""Allocated cost of provisioned capacity and of hosting."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from metering.core.basics.instants import format_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, format_fixed
from metering.core.calendars.periods import Period
from metering.documents.document import Document, Money, Name, Time


class CapacitySpan(Document):
    """A time span with constant capacity and hourly price."""

    start: Time
    end: Time
    units: int
    hourly_price: Money
    idle: str = Field(description="Who pays for idle hours.")


def _weighted(tokens: Any) -> Any:
    return format_fixed(tokens, MULTIPLIER_DECIMALS) if isinstance(tokens, int) else tokens


def _month(month: Any) -> Any:
    return format_instant(month.start)[:7] if isinstance(month, Period) else month


class AllocatedShare(Document):
    """The share of one tenant."""

    tenant: str
    used: Money = Field(description="Cost of the hours in which the tenant used the deployment.")
    idle: Money = Field(description="Share of the cost of idle hours.")
    amount: Money
    weighted_tokens: Annotated[str, BeforeValidator(_weighted)] = Field(validation_alias="tokens")
    hours: int
    billable: bool = Field(
        validation_alias="is_billable",
        description="False if the tenant's plan is in another currency.",
    )


class CountedLedger(Document):
    """A ledger whose usage was allocated, up to a page."""

    ledger: Name
    page: int
    hash: str


class AllocationDocument(Document):
    """The cost of a deployment in a month. Shares and `unallocated` add up to `cost`."""

    deployment: str
    month: Annotated[str, BeforeValidator(_month)] = Field(examples=["2026-11"])
    currency: str
    cost: Money
    hours: int
    idle_hours: int
    spans: list[CapacitySpan]
    shares: list[AllocatedShare]
    unallocated: Money
    counted: list[CountedLedger]
