"""Spikes: hours of unusual spend.

A UTC hour is a spike if its spend exceeds `factor` times the median of the hours with spend in the
seven days before it, and is at least `least`. With fewer than 24 such hours there is no baseline.
Each hour alerts once. The hours are those of one ledger, so a period starts without a baseline.
"""

from collections.abc import Iterable
from statistics import median_low
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from metering.core.basics.instants import DAY, HOUR, Instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, Amount, parse_amount, parse_fixed
from metering.core.basics.validation import Strict
from metering.core.plans.quota import Downgrade
from metering.core.plans.terms import Money, Multiplier

#: How far back the baseline reaches, and the hours with spend that it needs.
USUAL: Final = 7 * DAY
LEAST_HOURS: Final = 24

_ONE: Final = 10**MULTIPLIER_DECIMALS


def _above_one(factor: str) -> str:
    if parse_fixed(factor, MULTIPLIER_DECIMALS) <= _ONE:
        raise ValueError(f"{factor!r} is not above 1")
    return factor


class Spike(Strict):
    """The terms for alerts on unusual hours."""

    factor: Annotated[Multiplier, AfterValidator(_above_one)] = "3"
    least: Money = "1"
    """The least spend of a spike, in currency units: small amounts vary too much."""
    action: Literal["notify", "block"] | Downgrade = "notify"
    minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 60
    """How long after the end of the hour an action holds."""

    @model_serializer(mode="wrap")
    def _as_written(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # As rules without an action were written before: what was stored stays as it is.
        found: dict[str, Any] = write(self)
        if self.action == "notify":
            del found["action"], found["minutes"]
        return found


class Hours(NamedTuple):
    """The spend of the last hours of a ledger, oldest first, and the last spike alerted."""

    amounts: tuple[tuple[Instant, Amount], ...] = ()
    told: Instant = -1


NO_HOURS: Final = Hours()


def with_spend(hours: Hours, spend: Iterable[tuple[Instant, Amount]]) -> Hours:
    """Return the hours after adding spends by their times; hours that are too old are dropped."""
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
    """Return the hours with the latest one marked as alerted, if it is a new spike."""
    usual = usual_before(hours)
    if usual is None:
        return hours
    latest, amount = hours.amounts[-1]
    factor = parse_fixed(spike.factor, MULTIPLIER_DECIMALS)
    unusual = amount * _ONE > usual * factor and amount >= parse_amount(spike.least)
    return hours._replace(told=latest) if unusual and latest > hours.told else hours


def usual_before(hours: Hours) -> Amount | None:
    """Return the median of the hours with spend before the latest; None if they are too few."""
    earlier = [amount for _, amount in hours.amounts[:-1] if amount > 0]
    return median_low(earlier) if len(earlier) >= LEAST_HOURS else None
