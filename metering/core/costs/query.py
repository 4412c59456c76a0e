"""A question about costs: the days, the dimensions, and the names to which it is limited."""

from datetime import date, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.periods import Days, day_at, month_of

PERIODS: Final = ("day", "week", "month")
"""Dimensions of time in UTC; a week begins on Monday."""
NAMES: Final = (
    *("tenant", "model", "deployment", "account", "region", "product", "use_case"),
    "requested_model",
)
"""Dimensions of names; `requested_model` is what clients asked for, such as an alias."""
END_USER: Final = "end_user"
"""A dimension of names too, for one tenant alone: no summary has it."""
ACCOUNT: Final = "account"
BACKEND: Final = "backend"
"""The name that events have for the account; both may be asked for."""
_ALL_NAMES: Final = (*NAMES, END_USER)
BY: Final = (*NAMES, *PERIODS)
#: Days of one question: two years, and the years before it in a comparison.
MAX_DAYS: Final = 732
#: Of those that every breakdown for costs needs.
_ALWAYS: Final = ("day", "price")
_MAX_REMEMBERED: Final = 4_096


class CostQuery(NamedTuple):
    """A question about costs."""

    days: Days
    by: tuple[str, ...]
    only: tuple[tuple[str, str | None], ...] = ()
    """The value that a dimension of names must have; None for usage that named none."""

    @property
    def read_by(self) -> tuple[str, ...]:
        """The dimensions by which ledgers are read."""
        named = {*self.by, *(name for name, _ in self.only)}
        return (*_ALWAYS, *(name for name in _ALL_NAMES if name in named and name != "tenant"))

    @property
    def names(self) -> tuple[str, ...]:
        """The dimensions of names in the answer."""
        return tuple(name for name in self.by if name not in PERIODS)

    @property
    def is_series(self) -> bool:
        """Say whether the answer is by time."""
        return len(self.names) < len(self.by)

    @property
    def is_of_whole_tenants(self) -> bool:
        """Say whether it is limited to no part of a tenant's usage."""
        return all(name == "tenant" for name, _ in self.only)

    @property
    def tenant(self) -> str | None:
        """The tenant that it is limited to; None for all."""
        return next((value for name, value in self.only if name == "tenant"), None)

    def meant(self, name: str, value: str | None) -> bool:
        """Say whether the value of a dimension is one that is asked for."""
        return all(value == wanted for of, wanted in self.only if of == name)

    def before(self) -> "CostQuery":
        """Return the same question about the time before: see days_before."""
        return self._replace(days=days_before(self.days))


def cost_query(
    days: Days, by: tuple[str, ...], only: tuple[tuple[str, str | None], ...] = ()
) -> CostQuery:
    """Return a question. Raises ConfigurationError for one that cannot be answered."""
    by = tuple(ACCOUNT if name == BACKEND else name for name in by)
    only = tuple((ACCOUNT if name == BACKEND else name, value) for name, value in only)
    is_of_tenant = any(name == "tenant" and value for name, value in only)
    allowed = (*BY, END_USER) if is_of_tenant else BY
    for name in by:
        if name not in allowed or by.count(name) > 1:
            raise ConfigurationError(f"by: use {', '.join(allowed)}, each once, not {name!r}")
    if sum(name in PERIODS for name in by) > 1:
        raise ConfigurationError("by: give one of day, week and month")
    for name, _ in only:
        if name not in (_ALL_NAMES if is_of_tenant else NAMES):
            raise ConfigurationError(f"only: use {', '.join(NAMES)}, not {name!r}")
    first, end = _date(days.first), _date(days.end)
    if not 0 < (end - first).days <= MAX_DAYS:
        raise ConfigurationError(
            f"from {days.first} to {days.end}: give at least one day and at most {MAX_DAYS}"
        )
    return CostQuery(days, by, only)


def days_before(days: Days) -> Days:
    """Return the days to compare some days with.

    Before whole months they are as many months. Before the first days of a month they are the same
    days of the month before, or all of it where it is shorter. Else they are as many days.
    """
    first, end = _date(days.first), _date(days.end)
    if first.day == 1 and (end.day == 1 or (end.year, end.month) == (first.year, first.month)):
        months = (end.year - first.year) * 12 + end.month - first.month
        years, month = divmod(first.year * 12 + first.month - 1 - max(1, months), 12)
        start = date(years, month + 1, 1)
        same = days.first if end.day == 1 else (start + (end - first)).isoformat()
        return Days(start.isoformat(), min(same, days.first))
    return Days((first - (end - first)).isoformat(), days.first)


@lru_cache(_MAX_REMEMBERED)
def period_of(by: str, day: str) -> str:
    """Return the period that a day belongs to: the day, the Monday of its week, or the month."""
    if by == "day":
        return day
    if by == "month":
        return day[:7]
    found = _date(day)
    return (found - timedelta(days=found.weekday())).isoformat()


def month_days(now: Instant) -> Days:
    """Return the days of the present UTC month until today."""
    return Days(day_at(month_of(now).start), day_at(now + DAY))


def _date(day: str) -> date:
    try:
        return date.fromisoformat(day)
    except ValueError:
        raise ConfigurationError(f"{day!r} is not a day: write it like 2026-11-20") from None
