"""Billing periods: half-open spans of a tenant's calendar, and the ledgers named after them."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple

from metering.core.basics.instants import (
    DAY,
    MINUTE,
    Instant,
    format_instant,
    instant_of,
    parse_instant,
    to_datetime,
)

#: Names of ledgers that are kept: each page has that of its ledger.
_KEPT: Final = 4096
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class Period(NamedTuple):
    """One period of a calendar: `[start, end)`."""

    start: Instant
    end: Instant
    name: str
    """The display name, unique within a tenant: `2026-11`, `2026-11-23`, or the start instant."""


def month_of(instant: Instant) -> Period:
    """Return the calendar month in UTC that contains `instant`. Tenants may have other periods."""
    first = to_datetime(instant).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return _month_from(first)


def parse_month(name: str) -> Period:
    """Return the month named like `2026-11`; ValueError for anything else."""
    if not _MONTH.fullmatch(name):
        raise ValueError(f"{name!r} is not a month: write it like 2026-11")
    year, month = name.split("-")
    return _month_from(datetime(int(year), int(month), 1, tzinfo=UTC))


def _month_from(first: datetime) -> Period:
    years, month = divmod(first.month, 12)
    following = first.replace(year=first.year + years, month=month + 1)
    return Period(instant_of(first), instant_of(following), first.strftime("%Y-%m"))


class LedgerId(NamedTuple):
    """The name of one ledger: a tenant and the start of a period."""

    tenant: str
    start: Instant

    def __str__(self) -> str:
        """Return the partition key, e.g. `acme|2026-11-01T00:00:00Z`."""
        return f"{self.tenant}|{format_instant(self.start)}"

    @classmethod
    def parse(cls, text: str) -> "LedgerId":
        """Return the ledger named by a partition key; tenant ids never contain `|`."""
        return _ledger(text)


@lru_cache(_KEPT)
def _ledger(text: str) -> LedgerId:
    tenant, _, start = text.partition("|")
    return LedgerId(tenant, parse_instant(start))


SLOT = 10 * MINUTE

type Slot = int
"""Number of the ten-minute span since the epoch."""


def slot_of(instant: Instant) -> Slot:
    """Return the slot of an instant."""
    return instant // SLOT


def slot_start(slot: Slot) -> Instant:
    """Return the first instant of a slot."""
    return slot * SLOT


class Days(NamedTuple):
    """The days from `first` on, before `end`, each named like `2026-11-20`."""

    first: str
    end: str

    def __contains__(self, day: object) -> bool:
        """Return whether the span contains a day."""
        return isinstance(day, str) and self.first <= day < self.end

    def overlap(self, period: Period) -> bool:
        """Return whether a period overlaps the span."""
        last = period.end - 1
        return self.first <= day_at(last) and day_at(period.start) < self.end


#: Names of days sort as text: before the first possible day, and after the last.
ALL_DAYS: Final = Days("", "~")


def day_at(instant: Instant) -> str:
    """Return the UTC day that contains an instant."""
    return to_datetime(instant).date().isoformat()


def days_between(start: Instant, end: Instant) -> Days:
    """Return the days that `[start, end)` overlaps."""
    return Days(day_at(start), day_at(end - 1 + DAY))
