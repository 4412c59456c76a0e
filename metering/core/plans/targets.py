"""Targets: the highest acceptable cost of an outcome of a use case, in a plan's currency."""

from typing import Annotated

from pydantic import AfterValidator

from metering.core.basics.money import Amount, parse_amount
from metering.core.basics.validation import Strict, misplaced
from metering.core.plans.terms import Listed, ModelName, Money


def _above_zero(cost: str) -> str:
    if not parse_amount(cost):
        raise ValueError("is zero: leave the target out")
    return cost


class Target(Strict):
    """The highest acceptable cost of one outcome. It changes no price and no charge."""

    use_case: ModelName
    outcome: ModelName
    cost: Annotated[Money, AfterValidator(_above_zero)]

    @property
    def cost_units(self) -> Amount:
        """The cost as an integer of 10^-18 currency units."""
        return parse_amount(self.cost)


def _distinct(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    places = [(target.use_case, target.outcome) for target in targets]
    for number, place in enumerate(places):
        first = places.index(place)
        if first < number:
            raise misplaced((number,), f"is for the same outcome as targets.{first}")
    return targets


type Targets = Annotated[Listed[Target], AfterValidator(_distinct)]
"""The targets of a plan, one for each outcome of a use case."""
