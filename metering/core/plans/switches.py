"""Switches: hours of the week in which requests for one model go to another."""

from collections.abc import Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import model_validator

from metering.core.basics.instants import HOUR, MINUTE, Instant
from metering.core.basics.validation import Strict, misplaced
from metering.core.plans.quota import Downgrade
from metering.core.plans.terms import ModelName
from metering.core.plans.week import DAYS, Begins, Days, Ends, time_in_week, week_spans


class Switch(Strict):
    """One switch, in the plan's time zone."""

    model: ModelName | None = None
    """None: every model."""
    action: Downgrade
    days: Days = DAYS
    begins: Begins
    ends: Ends

    @model_validator(mode="after")
    def _has_a_length(self) -> "Switch":
        if self.begins == self.ends:
            raise misplaced(("to",), 'equals from: a whole day is from "00:00" to "24:00"')
        return self

    def is_on(self, zone: ZoneInfo, at: Instant) -> bool:
        """Return whether the switch is on at an instant."""
        now = time_in_week(zone, at)
        spans = week_spans(self.days, self.begins, self.ends)
        return any(start <= now < end for start, end in spans)


class On(NamedTuple):
    """A switch that is on, and until when at least."""

    switch: Switch
    until: Instant


def switches_on(switches: Iterable[Switch], zone: str, at: Instant) -> list[On]:
    """Return the switches that are on at an instant, each with its end.

    An end more than a week away is given as a week: the switch is then always on.
    """
    here = ZoneInfo(zone)
    on = [one for one in switches if one.is_on(here, at)]
    return [On(one, _turn(one, here, at)) for one in on]


def next_turn(switches: Iterable[Switch], zone: str, at: Instant) -> Instant | None:
    """Return when the next switch turns on or off; None without switches.

    Never later than the true turn: clock changes are at most an hour away from what is returned.
    """
    here = ZoneInfo(zone)
    return min((_turn(one, here, at) for one in switches), default=None)


def _turn(switch: Switch, zone: ZoneInfo, at: Instant) -> Instant:
    """Return the first minute after `at` in which a switch turns, at most a week away."""
    is_on = switch.is_on(zone, at)
    minute = at - at % MINUTE + MINUTE
    hours = (minute + step * HOUR for step in range(7 * 24))
    hour = next((one for one in hours if switch.is_on(zone, one) is not is_on), minute + 168 * HOUR)
    first = max(minute, hour - HOUR + MINUTE)
    return next(
        (one for one in range(first, hour, MINUTE) if switch.is_on(zone, one) is not is_on), hour
    )
