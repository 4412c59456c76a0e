"""Allocated cost of provisioned capacity and of hosting."""

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field

from metering.core.allocation.accrued import Accrued
from metering.core.basics.instants import format_instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, format_fixed
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window
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


class AccruedShareDocument(Document):
    """A tenant's cost so far, in a UTC month, of one deployment paid by the hour."""

    deployment: str
    month: Annotated[str, BeforeValidator(_month)] = Field(examples=["2026-11"])
    currency: str
    used: Money = Field(description="Cost of the hours in which the tenant used the deployment.")
    idle: Money = Field(description="Share of the cost of idle hours.")
    amount: Money = Field(description="The share of the month so far.")
    weighted_tokens: Annotated[str, BeforeValidator(_weighted)] = Field(validation_alias="tokens")
    hours: int
    billable: bool = Field(
        validation_alias="is_billable",
        description="False if the tenant's plan is in another currency.",
    )
    final: bool = Field(
        validation_alias="is_final", description="Whether the close has allocated the month."
    )
    complete: bool = Field(
        validation_alias="is_complete",
        description="False while usage of the deployment cannot be read: it is as last counted.",
    )
    as_of: Time = Field(validation_alias="at", description="Later hours and usage are not in it.")


class AccruedDocument(Document):
    """The share of deployments paid by the hour in a span: provisional, in no other amount.

    A statement bills it when its UTC month is closed.
    """

    amount: Money = Field(examples=["22800"], description="By the hours of the span.")
    projected: Money = Field(
        description="At the end of the span: the recorded hours to come at the same part."
    )
    as_of: Time | None = Field(
        description="Later hours and usage are not in it; null if nothing accrues."
    )
    complete: bool = Field(
        description="False while usage of one of the deployments cannot be read."
    )
    unknown: list[str] = Field(description="Deployments whose cost was not worked out yet.")
    shares: list[AccruedShareDocument]

    @classmethod
    def of(cls, found: Accrued, span: Period | Window) -> Self:
        """Return what has accrued in a span as a document."""
        window = Window(span.start, span.end)
        amount = found.within(window)
        return cls.model_validate(
            {
                "amount": amount,
                "projected": amount + found.expected(window.end),
                "as_of": found.at,
                "complete": found.is_complete,
                "unknown": found.unknown,
                "shares": found.shares,
            }
        )
