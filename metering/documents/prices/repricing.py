"""Corrections of rated usage, and what-if comparisons."""

from typing import Self

from pydantic import AliasPath, Field

from metering.app.prices.what_if import Answer
from metering.documents.document import Document, Money, Name, Time


class RepricedUsage(Document):
    """Requests of a ledger whose price row changes."""

    model: str | None
    before: str | None = Field(description="The price row of the entry; null if it had none.")
    after: str
    requests: int
    difference: Money


class RerateDocument(Document):
    """The corrections of one ledger."""

    ledger: Name
    corrected: int
    changes: list[RepricedUsage] = Field(validation_alias="repricings")


class WhatIfModel(Document):
    """The usage of one model, as charged and under the other terms."""

    model: str | None
    priced_as: str | None = Field(validation_alias="instead")
    requests: int = Field(validation_alias=AliasPath("line", "requests"))
    amount: Money | None
    other_amount: Money | None
    other_unpriced: int = Field(validation_alias=AliasPath("other", "unpriced"))


class WhatIfTotal(Document):
    """The charge of the period."""

    currency: str
    amount: Money
    provisioned: Money = Field(
        description="The share of deployments paid by the hour in the period, beside the charge."
    )
    sum: Money = Field(description="The charge and the share.")


class WhatIfOtherTotal(WhatIfTotal):
    """The charge of the period under the other terms."""

    unpriced_requests: int


class WhatIfDocument(Document):
    """A period's usage as charged and under other models, plan or prices."""

    models: list[WhatIfModel]
    total: WhatIfTotal
    other_total: WhatIfOtherTotal
    provisioned_as_of: Time | None = Field(
        description="Up to when the share has accrued; null if none accrues."
    )
    left_out: list[str] = Field(description="What the comparison does not know or count.")

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Return a comparison as a document."""
        return cls.model_validate(
            {
                "models": answer.comparisons,
                "total": {
                    "currency": answer.currency,
                    "amount": answer.actual.total,
                    "provisioned": answer.share,
                    "sum": answer.actual.total + answer.share,
                },
                "other_total": {
                    "currency": answer.other_currency,
                    "amount": answer.other.total,
                    "provisioned": answer.other_share,
                    "sum": answer.other.total + answer.other_share,
                    "unpriced_requests": answer.other.unpriced_requests,
                },
                "provisioned_as_of": answer.accrued.at,
                "left_out": answer.left_out,
            }
        )
