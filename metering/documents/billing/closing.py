"""Closing billing periods."""

from typing import Annotated, Self

from pydantic import Field

from metering.app.billing.close_periods import Closed, Waiting
from metering.documents.document import Document, Money, RequestBody, Time

#: Tenants that one request can name.
MAX_TENANTS = 200


class CloseRequest(RequestBody):
    """The periods to close: those of the named tenants, or of all tenants."""

    at: str | None = Field(
        None,
        description="Close periods that are due at this time. Default: now.",
        examples=["2026-12-03"],
    )
    allow_future: Annotated[str, Field(max_length=64)] | None = Field(
        None,
        description="The one period, already over, that a time beyond the clock may close.",
        examples=["2026-11"],
    )
    tenants: list[Annotated[str, Field(max_length=64)]] | None = Field(
        None, min_length=1, max_length=MAX_TENANTS
    )


class ClosedPeriod(Document):
    """A period that was closed, with the total of its statement."""

    tenant: str
    period: str
    currency: str
    total: Money
    unsettled: int = Field(description="Requests that were pending, unpriced or missing.")


class WaitingPeriod(Document):
    """A period that has ended and is not closed yet."""

    tenant: str
    period: str
    reason: str = Field(description="Why the period is still open; due: it can be closed now.")
    until: Time | None = Field(description="The latest time at which it is closed, if known.")


class CloseDocument(Document):
    """The result of closing periods."""

    closed: list[ClosedPeriod]
    waiting: list[WaitingPeriod]

    @classmethod
    def of(cls, found: list[Closed | Waiting]) -> Self:
        """Return the closed and the waiting periods as a document."""
        return cls(
            closed=[ClosedPeriod.model_validate(one) for one in found if isinstance(one, Closed)],
            waiting=[
                WaitingPeriod.model_validate(one) for one in found if isinstance(one, Waiting)
            ],
        )
