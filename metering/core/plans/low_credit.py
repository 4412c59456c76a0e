"""Low credit: the part of a tenant's credit, or the amount, from which somebody is told."""

from typing import Annotated

from pydantic import Field, model_validator

from metering.core.basics.money import Amount, parse_amount
from metering.core.basics.validation import Strict
from metering.core.plans.terms import Money


class LowCredit(Strict):
    """The threshold of a plan: credit is low at or below it."""

    percent: Annotated[int, Field(ge=1, le=99)] | None = None
    """Of what the grants that are valid then came to."""
    amount: Money | None = None
    """In the currency of the plan."""

    @model_validator(mode="after")
    def _says_one_thing(self) -> "LowCredit":
        if (self.percent is None) == (self.amount is None):
            raise ValueError("give either percent or amount")
        return self

    def threshold(self, granted: Amount) -> Amount:
        """Return the threshold as an integer of 10^-18, rounded down, for a granted amount."""
        if self.percent is None:
            assert self.amount is not None
            return parse_amount(self.amount)
        return granted * self.percent // 100
