"""Grants of credit, credit balances and adjustments."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field

from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount
from metering.core.credit.adjustment import MadeAdjustment
from metering.core.credit.credit import CreditBalance, GrantCredit
from metering.core.credit.grant import MAX_NOTE_LENGTH, MAX_PRIORITY, Channel, Grant
from metering.documents.document import Document, RequestBody, format_optional

type Note = Annotated[str, Field(max_length=MAX_NOTE_LENGTH)]


class CreditDocument(Document):
    """The remaining credit of a tenant."""

    currency: str
    granted: str
    remaining: str = Field(description="The lower bound.")
    remaining_at_most: str
    by_channel: Mapping[str, str] = Field(description="Credit available to each billing channel.")
    open_spend: str = Field(description="Spend of periods that are not settled yet.")
    as_of: str = Field(description="When this was read.")

    @classmethod
    def of(cls, found: CreditBalance) -> Self:
        """Return a credit balance as a document."""
        return cls(
            currency=found.currency,
            granted=format_amount(found.granted),
            remaining=format_amount(found.remaining.at_least),
            remaining_at_most=format_amount(found.remaining.at_most),
            by_channel={
                channel or "other": format_amount(amount)
                for channel, amount in found.by_channel.items()
            },
            open_spend=format_amount(found.open_spend),
            as_of=format_instant(found.at),
        )


class GrantDocument(Document):
    """A grant. The state and what remains are null if they were not requested."""

    id: str
    tenant: str
    amount: str
    currency: str
    start: str
    expiry: str | None
    revoked: str | None
    priority: int
    channel: str | None = Field(
        description="The billing channel that it pays for; null for all of them."
    )
    reason: str
    author: str
    state: str | None = None
    settled: str | None = None
    remaining: str | None = Field(None, description="The lower bound.")
    remaining_at_most: str | None = None

    @classmethod
    def of(cls, grant: Grant, credit: GrantCredit | None = None) -> Self:
        """Return a grant, with what remains of it if that is given."""
        remaining = (
            {}
            if credit is None
            else {
                "state": credit.state,
                "settled": format_amount(credit.settled),
                "remaining": format_amount(credit.remaining.at_least),
                "remaining_at_most": format_amount(credit.remaining.at_most),
            }
        )
        return cls(
            id=grant.id,
            tenant=grant.tenant,
            amount=grant.amount,
            currency=grant.currency,
            start=format_instant(grant.start),
            expiry=format_optional(grant.expiry),
            revoked=format_optional(grant.revoked),
            priority=grant.priority,
            channel=grant.channel,
            reason=grant.reason,
            author=grant.author,
            **remaining,
        )


class GrantRequest(RequestBody):
    """A grant to add."""

    amount: str = Field(
        description="Above zero, in the currency of the tenant's plan.", examples=["10.00"]
    )
    expiry: str | None = Field(
        None,
        description="The grant pays for usage before this time. Default: no expiry.",
        examples=["2027-01-31"],
    )
    start: str | None = Field(
        None, description="Default and earliest: the start of the current period."
    )
    currency: str | None = Field(
        None, description="Rejected if it is not the currency of the plan.", examples=["USD"]
    )
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    channel: Channel | None = None
    reason: Note = ""


class RevocationRequest(RequestBody):
    """A grant to revoke."""

    reason: Note = ""


class AdjustmentDocument(Document):
    """An amount that an operator added to a statement."""

    id: str
    tenant: str
    amount: str = Field(examples=["-5"])
    currency: str
    reason: str
    author: str
    charge_period: str | None = Field(description="The period that the adjustment refers to.")
    made: str

    @classmethod
    def of(cls, made: MadeAdjustment) -> Self:
        """Return an adjustment as a document."""
        return cls.model_validate(
            {**made.adjustment.model_dump(mode="json"), "made": format_instant(made.at)}
        )


class AdjustmentRequest(RequestBody):
    """An amount to add to the statement of the current period."""

    amount: str = Field(
        description="A negative amount is a credit.", max_length=64, examples=["-5.00"]
    )
    reason: str = Field(min_length=1, max_length=MAX_NOTE_LENGTH, examples=["outage of 3 Nov"])
    about: str | None = Field(
        None,
        max_length=64,
        description="The period that the adjustment refers to. Default: the current one.",
    )
