"""Periods of a calendar, found by looking at a clock on a wall: the model's own way."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: No zone's midnight falls between two such steps.
_STEP = timedelta(minutes=15)


class Span(NamedTuple):
    start: datetime
    end: datetime
    name: str


class Cycle(NamedTuple):
    zone: str
    cycle: str
    anchor: int

    def at(self, time: datetime) -> Span:
        """Return the period that contains a time."""
        day = time.astimezone(ZoneInfo(self.zone)).date()
        while not self._starts_on(day):
            day -= timedelta(days=1)
        end = day + timedelta(days=1)
        while not self._starts_on(end):
            end += timedelta(days=1)
        name = day.strftime("%Y-%m") if self.cycle == "monthly" else day.isoformat()
        return Span(first_moment(day, self.zone), first_moment(end, self.zone), name)

    def after(self, span: Span, number: int = 1) -> Span:
        """Return the period so many after another."""
        for _ in range(number):
            span = self.at(span.end)
        return span

    def _starts_on(self, day: date) -> bool:
        if self.cycle == "daily":
            return True
        if self.cycle == "weekly":
            return day.isoweekday() == self.anchor
        return day.day == min(self.anchor, monthrange(day.year, day.month)[1])


@cache
def first_moment(day: date, zone: str) -> datetime:
    """Return the first moment at which a calendar in this zone shows a day."""
    wall = ZoneInfo(zone)
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
    while moment.astimezone(wall).date() < day:
        moment += _STEP
    return moment
