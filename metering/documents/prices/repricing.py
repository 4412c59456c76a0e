"""Corrections of rated usage, and what-if comparisons."""

from typing import Self

from pydantic import AliasPath, Field

from metering.app.prices.what_if import Answer
from metering.documents.document import Document, Money, Name


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


class WhatIfOtherTotal(WhatIfTotal):
    """The charge of the period under the other terms."""

    unpriced_requests: int


class WhatIfDocument(Document):
    """A period's usage as charged and under other models, plan or prices."""

    models: list[WhatIfModel]
    total: WhatIfTotal
    other_total: WhatIfOtherTotal

    @classmethod
    def of(cls, answer: Answer) -> Self:
        """Return a comparison as a document."""
        return cls.model_validate(
            {
                "models": answer.comparisons,
                "total": {"currency": answer.currency, "amount": answer.actual.total},
                "other_total": {
                    "currency": answer.other_currency,
                    "amount": answer.other.total,
                    "unpriced_requests": answer.other.unpriced_requests,
                },
            }
        )
