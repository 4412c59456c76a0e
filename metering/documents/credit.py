"""Grants of credit, credit balances and adjustments."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AliasPath, BeforeValidator, Field

from metering.core.credit.adjustment import MadeAdjustment
from metering.core.credit.credit import GrantCredit
from metering.core.credit.grant import MAX_NOTE_LENGTH, MAX_PRIORITY, Channel, Grant
from metering.documents.document import Document, Money, RequestBody, Time

type Note = Annotated[str, Field(max_length=MAX_NOTE_LENGTH)]


def _named(by_channel: Mapping[str | None, int]) -> dict[str, int]:
    return {channel or "other": amount for channel, amount in by_channel.items()}


class CreditDocument(Document):
    """The remaining credit of a tenant."""

    currency: str
    granted: Money
    carried: Money = Field(
        description="Owed to the tenant: carried forward or credited, less open charges."
    )
    remaining: Money = Field(
        validation_alias=AliasPath("remaining", "at_least"),
        description="The lower bound, including what is carried.",
    )
    remaining_at_most: Money = Field(validation_alias=AliasPath("remaining", "at_most"))
    by_channel: Annotated[Mapping[str, Money], BeforeValidator(_named)] = Field(
        description="Credit available to each billing channel."
    )
    open_spend: Money = Field(description="Spend of periods that are not settled yet.")
    runs_out: Time | None = Field(
        description="When it is used up at the tenant's own rate; now if nothing is left, null if"
        " that is years away."
    )
    as_of: Time = Field(validation_alias="at", description="When this was read.")


class GrantDocument(Document):
    """A grant. The state and what remains are null if they were not requested."""

    id: str
    tenant: str
    amount: str
    currency: str
    start: Time
    expiry: Time | None
    revoked: Time | None
    priority: int
    channel: str | None = Field(
        description="The billing channel that it pays for; null for all of them."
    )
    reason: str
    author: str
    state: str | None = None
    settled: Money | None = None
    remaining: Money | None = Field(None, description="The lower bound.")
    remaining_at_most: Money | None = None
    runs_out: Time | None = Field(
        None, description="When it is used up at the tenant's own rate, or ends."
    )

    @classmethod
    def of(cls, grant: Grant, credit: GrantCredit | None = None) -> Self:
        """Return a grant, with what remains of it if that is given."""
        found = cls.model_validate(grant)
        if credit is None:
            return found
        remaining = {
            "state": credit.state,
            "settled": credit.settled,
            "remaining": credit.remaining.at_least,
            "remaining_at_most": credit.remaining.at_most,
            "runs_out": credit.runs_out,
        }
        return cls.model_validate({**dict(found), **remaining})


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
    made: Time = Field(description="When the adjustment was recorded.")

    @classmethod
    def of(cls, made: MadeAdjustment) -> Self:
        """Return an adjustment as a document."""
        return cls.model_validate({**dict(made.adjustment), "made": made.at})


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
