"""Closing periods, and adjustments."""

from typing import Annotated

from pydantic import Field

from metering.api.instants import told
from metering.api.shapes.plain import Shape, Wish
from metering.app.billing.close_periods import Closed, Waiting
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount
from metering.core.credit.adjustment import MadeAdjustment
from metering.core.credit.grant import MAX_NOTE_LENGTH

#: Tenants that one request closes by name.
MAX_TENANTS = 200


class CloseWanted(Wish):
    """Which periods to close: those of some tenants, or of all."""

    at: str | None = Field(
        None, description="Close what is due at this time. Default: now.", examples=["2026-12-03"]
    )
    tenants: list[Annotated[str, Field(max_length=64)]] | None = Field(
        None, min_length=1, max_length=MAX_TENANTS
    )


class PeriodClosed(Shape):
    """A period whose statement is written."""

    tenant: str
    period: str
    currency: str
    total: str
    unsettled: int = Field(description="Requests that were pending, unpriced or missing.")


class PeriodWaiting(Shape):
    """A period that is over and not closed."""

    tenant: str
    period: str
    reason: str = Field(description="Why it is not closed yet; due: nothing is in its way.")
    until: str | None = Field(description="When it is closed at the latest, where that is known.")

    @classmethod
    def of(cls, one: Waiting) -> "PeriodWaiting":
        """Return a period that waits."""
        return cls(tenant=one.tenant, period=one.period, reason=one.reason, until=told(one.until))


class ClosingDone(Shape):
    """What closing found."""

    closed: list[PeriodClosed]
    waiting: list[PeriodWaiting]

    @classmethod
    def of(cls, found: list[Closed | Waiting]) -> "ClosingDone":
        """Return what was closed, and what waits."""
        return cls(
            closed=[
                PeriodClosed(
                    tenant=one.tenant,
                    period=one.period,
                    currency=one.currency,
                    total=format_amount(one.total),
                    unsettled=one.unsettled,
                )
                for one in found
                if isinstance(one, Closed)
            ],
            waiting=[PeriodWaiting.of(one) for one in found if isinstance(one, Waiting)],
        )


class AdjustmentShown(Shape):
    """What an operator puts on a statement."""

    id: str
    tenant: str
    amount: str = Field(examples=["-5"])
    currency: str
    reason: str
    author: str
    charge_period: str | None
    made: str

    @classmethod
    def of(cls, made: MadeAdjustment) -> "AdjustmentShown":
        """Return an adjustment."""
        return cls.model_validate(
            {**made.adjustment.model_dump(mode="json"), "made": format_instant(made.at)}
        )


class NewAdjustment(Wish):
    """An amount for the statement of the present period."""

    amount: str = Field(description="Below zero takes off.", max_length=64, examples=["-5.00"])
    reason: str = Field(min_length=1, max_length=MAX_NOTE_LENGTH, examples=["outage of 3 Nov"])
    about: str | None = Field(
        None, max_length=64, description="The period that it is about. Default: the present one."
    )
