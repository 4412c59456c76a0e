"""Grants of credit."""

from typing import Annotated

from pydantic import Field

from metering.api.instants import told
from metering.api.shapes.plain import Shape, Wish
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount
from metering.core.credit.credit import GrantCredit
from metering.core.credit.grant import MAX_NOTE_LENGTH, MAX_PRIORITY, Channel, Grant

type Note = Annotated[str, Field(max_length=MAX_NOTE_LENGTH)]


class GrantShown(Shape):
    """A grant. What is left of it is null where that was not asked for."""

    id: str
    tenant: str
    amount: str
    currency: str
    start: str
    expiry: str | None
    revoked: str | None
    priority: int
    channel: str | None
    reason: str
    author: str
    state: str | None = None
    settled: str | None = None
    remaining: str | None = Field(None, description="At least so much.")
    remaining_at_most: str | None = None

    @classmethod
    def of(cls, grant: Grant, as_it_stands: GrantCredit | None = None) -> "GrantShown":
        """Return a grant, with what is left of it if that is known."""
        one = as_it_stands
        left = (
            {}
            if one is None
            else {
                "state": one.state,
                "settled": format_amount(one.settled),
                "remaining": format_amount(one.remaining.at_least),
                "remaining_at_most": format_amount(one.remaining.at_most),
            }
        )
        return cls(
            id=grant.id,
            tenant=grant.tenant,
            amount=grant.amount,
            currency=grant.currency,
            start=format_instant(grant.start),
            expiry=told(grant.expiry),
            revoked=told(grant.revoked),
            priority=grant.priority,
            channel=grant.channel,
            reason=grant.reason,
            author=grant.author,
            **left,
        )


class NewGrant(Wish):
    """Credit to give."""

    amount: str = Field(
        description="Above zero, in the currency of the tenant's plan.", examples=["10.00"]
    )
    expiry: str | None = Field(
        None, description="The first instant at which it pays no more.", examples=["2027-01-31"]
    )
    start: str | None = Field(
        None, description="Default and earliest: the start of the present period."
    )
    currency: str | None = Field(None, description="To be sure of it.", examples=["USD"])
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    channel: Channel | None = None
    reason: Note = ""


class NewRevocation(Wish):
    """That a grant is taken back."""

    reason: Note = ""
