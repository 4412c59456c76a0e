"""The charge that a period is expected to come to, with the plan's fees and allowances."""

from collections.abc import Mapping

from metering.core.basics.money import Amount
from metering.core.billing.charge import charge
from metering.core.ledger.head import RateTotals
from metering.core.plans.plan import Plan
from metering.core.prices.rating import Rate


def expected_charge(
    lines: Mapping[Rate, RateTotals], plan: Plan, used: Amount, projected: Amount
) -> Amount | None:
    """Return the charge once the amount used has grown to the projected one, in the same parts.

    Requests and tokens grow alike, rounded down; fees for the period do not. None if usage is
    projected and none has an amount yet: allowances and tiers depend on what is used.
    """
    if used <= 0:
        return None if projected > 0 else charge(lines, plan).total
    grown = {rate: _grown(line, used, projected) for rate, line in lines.items()}
    return charge(grown, plan).total


def _grown(line: RateTotals, used: Amount, projected: Amount) -> RateTotals:
    tokens = tuple(count * projected // used for count in line.tokens)
    counts = {
        name: count * projected // used
        for name, count in line._asdict().items()
        if name != "tokens"
    }
    return RateTotals(tokens=tokens, **counts)
