"""The balance: a ledger's head, summed up for people."""

from collections import defaultdict
from typing import NamedTuple

from metering.core.basics.money import Amount
from metering.core.billing.charge import Charge, charge
from metering.core.ledger.head import NOTHING, Head, RateTotals
from metering.core.plans.plan import Plan
from metering.core.prices.rating import amount_of
from metering.core.usage.buckets import Buckets

type _Counted = tuple[str | None, str]
"""A model or meter, and its unit."""


class ModelBalance(NamedTuple):
    """The usage of one model or meter, and its amount if it has a price."""

    model: str | None
    """The model, or the name of another meter."""
    unit: str
    line: RateTotals
    amount: Amount | None
    """None if no request of the model has a known amount: unknown is not zero."""


class Balance(NamedTuple):
    """The state of one ledger. `amount` is exact and covers all priced usage."""

    head: Head
    plan: Plan
    """The plan that the ledger is charged under."""
    total: RateTotals
    amount: Amount
    held_requests: int
    held_amount: Amount
    models: tuple[ModelBalance, ...]
    charge: Charge
    """The charge under the plan; its total is `amount` if the plan has no period terms."""

    @property
    def currency(self) -> str:
        """The currency of every amount."""
        return self.plan.currency

    @property
    def tokens(self) -> Buckets:
        """All tokens by bucket."""
        return self.total.tokens


def balance_of(head: Head, plan: Plan) -> Balance:
    """Return the balance of a head under the plan in force at its ledger's start."""
    lines: defaultdict[_Counted, RateTotals] = defaultdict(lambda: NOTHING)
    amounts: defaultdict[_Counted, Amount] = defaultdict(int)
    for rate, line in head.lines.items():
        counted = rate.model, rate.unit
        lines[counted] = lines[counted].plus(line)
        amounts[counted] += amount_of(rate, line.tokens) or 0
    total = NOTHING
    for line in lines.values():
        total = total.plus(line)
    return Balance(
        head,
        plan,
        total,
        sum(amounts.values()),
        sum(held.requests for held in head.holds.values()),
        sum(held.amount for held in head.holds.values()),
        tuple(
            ModelBalance(*counted, line, None if line.is_unknown else amounts[counted])
            for counted, line in sorted(
                lines.items(), key=lambda item: (-amounts[item[0]], item[0][0] or "", item[0][1])
            )
        ),
        charge(head.lines, plan),
    )
