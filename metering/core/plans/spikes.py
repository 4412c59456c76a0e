"""Spikes: hours of unusual spend.

A UTC hour is a spike if its spend exceeds `factor` times the usual, and is at least `least`. The
usual is that of the hour of the week in local time: the median of this hour and the two before and
after it in the last four weeks, as far as they are known. It needs one week; before, nothing is a
spike. Where that median is zero, the median of all hours with spend is the usual. An hour that
repeats an unusual one of a week before, up to `factor` times its spend, is none: so a nightly job
is a spike in its first week only. Each hour alerts once.

Ledgers begun before 2026-11-30 keep the rule of then, until they take over a past (see past.py):
the usual is the median of the hours with spend in the seven days before, once there are 24.
"""

from collections.abc import Iterable
from statistics import median_low
from typing import Annotated, Any, Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SerializerFunctionWrapHandler, model_serializer

from metering.core.basics.instants import DAY, HOUR, Instant
from metering.core.basics.money import MULTIPLIER_DECIMALS, Amount, parse_amount, parse_fixed
from metering.core.basics.validation import Strict
from metering.core.plans.quota import Downgrade
from metering.core.plans.terms import Money, Multiplier
from metering.core.plans.week import WEEK, offset_at

#: How far back the baseline reaches, and the hours with spend that it needs.
USUAL: Final = 7 * DAY
LEAST_HOURS: Final = 24

#: The weeks of a past whose hours are compared, and how long hours are kept for that.
WEEKS: Final = 4
KEPT: Final = WEEKS * WEEK + 3 * HOUR
#: Hours on either side that belong to the usual: one hour alone varies too much.
_NEAR: Final = 2

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
    """The time an action stays in force after the end of its hour."""

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


def with_spend(
    hours: Hours, spend: Iterable[tuple[Instant, Amount]], kept: Instant = USUAL
) -> Hours:
    """Return the hours after adding spends by their times; those older than `kept` are dropped."""
    amounts = dict(hours.amounts)
    for time, amount in spend:
        hour = time - time % HOUR
        amounts[hour] = amounts.get(hour, 0) + amount
    if not amounts:
        return hours
    oldest = max(amounts) - kept
    found = sorted((hour, amount) for hour, amount in amounts.items() if hour >= oldest)
    return Hours(tuple(found), hours.told)


def spiked(hours: Hours, spike: Spike, zone: str | None = None) -> Hours:
    """Return the hours with the latest one marked as alerted, if it is a new spike.

    `zone`: the time zone of hours of the week; None for the rule of ledgers without a past.
    """
    latest, amount = hours.amounts[-1] if hours.amounts else (-1, 0)
    if latest <= hours.told or amount < parse_amount(spike.least):
        return hours
    usual = usual_before(hours, zone)
    factor = parse_fixed(spike.factor, MULTIPLIER_DECIMALS)
    if usual is None or amount * _ONE <= usual * factor:
        return hours
    before = 0 if zone is None else _a_week_before(hours, zone)
    repeats = before * _ONE > usual * factor and amount * _ONE <= before * factor
    return hours if repeats else hours._replace(told=latest)


def usual_before(hours: Hours, zone: str | None = None) -> Amount | None:
    """Return the usual spend of the latest hour; None if too little is known before it."""
    earlier = [amount for _, amount in hours.amounts[:-1] if amount > 0]
    if zone is None:
        return median_low(earlier) if len(earlier) >= LEAST_HOURS else None
    latest, first = hours.amounts[-1][0], hours.amounts[0][0]
    if first > latest - WEEK or not earlier:
        return None
    known = dict(hours.amounts)
    near = [
        known.get(hour, 0)
        for week in range(1, WEEKS + 1)
        for hour in _around(_same_hour(latest, week, ZoneInfo(zone)))
        if hour >= first
    ]
    return median_low(near) or median_low(earlier)


def _around(hour: Instant) -> range:
    return range(hour - _NEAR * HOUR, hour + (_NEAR + 1) * HOUR, HOUR)


def _same_hour(hour: Instant, weeks: int, zone: ZoneInfo) -> Instant:
    """Return the hour at the same local time some weeks before."""
    then = hour - weeks * WEEK
    same = then + offset_at(zone, hour) - offset_at(zone, then)
    return same - same % HOUR


def _a_week_before(hours: Hours, zone: str) -> Amount:
    same = _same_hour(hours.amounts[-1][0], 1, ZoneInfo(zone))
    return dict(hours.amounts).get(same, 0)
