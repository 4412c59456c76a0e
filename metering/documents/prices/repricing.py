"""Corrections of rated usage, and what-if comparisons."""

from typing import Self

from pydantic import Field

from metering.app.prices.rerate import Rerated
from metering.app.prices.what_if import Answer
from metering.core.basics.money import Amount, format_amount
from metering.documents.document import Document


class RepricedUsage(Document):
    """Requests of a ledger whose price row changes."""

    model: str | None
    before: str | None = Field(description="The price row of the entry; null if it had none.")
    after: str
    requests: int
    difference: str


class RerateDocument(Document):
    """The corrections of one ledger."""

    ledger: str
    corrected: int
    changes: list[RepricedUsage]

    @classmethod
    def of(cls, one: Rerated) -> Self:
        """Return the corrections of a ledger as a document."""
        return cls(
            ledger=str(one.ledger),
            corrected=one.corrected,
            changes=[
                RepricedUsage(
                    model=change.model,
                    before=change.before,
                    after=change.after,
                    requests=change.requests,
                    difference=format_amount(change.difference),
                )
                for change in one.repricings
            ],
        )


class WhatIfModel(Document):
    """The usage of one model, as charged and under the other terms."""

    model: str | None
    priced_as: str | None
    requests: int
    amount: str | None
    other_amount: str | None
    other_unpriced: int


class WhatIfTotal(Document):
    """The charge of the period."""

    currency: str
    amount: str


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
        return cls(
            models=[
                WhatIfModel(
                    model=one.model,
                    priced_as=one.instead,
                    requests=one.line.requests,
                    amount=_amount(one.amount),
                    other_amount=_amount(one.other_amount),
                    other_unpriced=one.other.unpriced,
                )
                for one in answer.comparisons
            ],
            total=WhatIfTotal(currency=answer.currency, amount=format_amount(answer.actual.total)),
            other_total=WhatIfOtherTotal(
                currency=answer.other_currency,
                amount=format_amount(answer.other.total),
                unpriced_requests=answer.other.unpriced_requests,
            ),
        )


def _amount(amount: Amount | None) -> str | None:
    return None if amount is None else format_amount(amount)
