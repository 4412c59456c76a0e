"""Spikes: an hour whose spend leaves the tenant's usual band.

The rule: an hour of UTC is a spike when what its entries came to is more than `factor` times the
median of the hours with spend in the seven days before it, and at least `least`. With fewer than
24 such hours nothing is usual yet. Each hour is told once. Hours are those of one ledger, so the
beginning of a period has nothing usual to go by.
"""

from collections.abc import Iterable
from statistics import median_low
from typing import Annotated, Final, NamedTuple

from pydantic import AfterValidator

from metering.core.basics.instants import DAY, HOUR, Instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, Amount, parse_amount, parse_fixed
from metering.core.basics.validation import Strict
from metering.core.plans.terms import Money, Multiplier

#: How far back hours count, and how many of them must have had spend.
USUAL: Final = 7 * DAY
LEAST_HOURS: Final = 24

_ONE: Final = 10**MULTIPLIER_DECIMALS


def _above_one(factor: str) -> str:
    if parse_fixed(factor, MULTIPLIER_DECIMALS) <= _ONE:
        raise ValueError(f"{factor!r} is not above 1")
    return factor


class Spike(Strict):
    """When somebody is told that an hour is unusual."""

    factor: Annotated[Multiplier, AfterValidator(_above_one)] = "3"
    least: Money = "1"
    """What an hour must come to at least, in currency units: small sums jump about."""


class Hours(NamedTuple):
    """What the last hours of a ledger came to, oldest first, and the last that was told."""

    amounts: tuple[tuple[Instant, Amount], ...] = ()
    told: Instant = -1


NO_HOURS: Final = Hours()


def with_spend(hours: Hours, spend: Iterable[tuple[Instant, Amount]]) -> Hours:
    """Return the hours after some spend, by the time of each; what is too old is dropped."""
    amounts = dict(hours.amounts)
    for time, amount in spend:
        hour = time - time % HOUR
        amounts[hour] = amounts.get(hour, 0) + amount
    if not amounts:
        return hours
    oldest = max(amounts) - USUAL
    kept = sorted((hour, amount) for hour, amount in amounts.items() if hour >= oldest)
    return Hours(tuple(kept), hours.told)


def spiked(hours: Hours, spike: Spike) -> Hours:
    """Return the hours with the latest one noted as told, if it is a spike that was not."""
    usual = usual_before(hours)
    if usual is None:
        return hours
    latest, amount = hours.amounts[-1]
    factor = parse_fixed(spike.factor, MULTIPLIER_DECIMALS)
    unusual = amount * _ONE > usual * factor and amount >= parse_amount(spike.least)
    return hours._replace(told=latest) if unusual and latest > hours.told else hours


def usual_before(hours: Hours) -> Amount | None:
    """Return the median of the hours with spend before the latest; None while there are few."""
    earlier = [amount for _, amount in hours.amounts[:-1] if amount > 0]
    return median_low(earlier) if len(earlier) >= LEAST_HOURS else None
