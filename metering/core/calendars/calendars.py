"""The calendars of one tenant, each from an instant on, and their periods."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant, format_instant, instant_of, parse_instant
from metering.core.calendars.calendar import MONTHS, Calendar
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.calendars.periods import Period

_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: A local day starts up to 14 hours before the UTC day of that date, or 12 hours after.
_AWAY: Final = 2 * DAY
_LONGEST: Final = 33 * DAY
#: The years in which periods are found: date arithmetic can fail outside of them.
_YEARS: Final = range(1970, 9999)
LATEST: Final = instant_of(datetime(_YEARS[-1], 12, 1, tzinfo=UTC))
"""Later than any valid date."""


def calendar_instant(text: str) -> Instant:
    """Return an RFC 3339 time that lies in a period; ValueError for any other."""
    found = parse_instant(text)
    if found >= LATEST:
        raise ValueError(f"{text!r} is too far in the future")
    if found < BEGINNING:
        raise ValueError(f"{text!r} is before {_YEARS[0]}")
    return found


class _Span(NamedTuple):
    """One calendar, and the span in which it is in force."""

    start: Instant
    end: Instant
    calendar: Calendar
    taken: frozenset[str]
    """Names of earlier periods: a zone further west may reach a date again."""


class Calendars:
    """Immutable. Without a calendar, and before the first one, periods are months in UTC."""

    def __init__(self, dated: Sequence[tuple[Instant, Calendar]] = ()) -> None:
        """Take calendars by start instant; of two with the same start, the later one wins."""
        self._dated = tuple(dated)
        known = ((max(start, BEGINNING), calendar) for start, calendar in dated)
        found = {BEGINNING: MONTHS, **dict(sorted(known, key=lambda one: one[0]))}
        self.starts: list[Instant] = list(found)
        """The start of each calendar, earliest first."""
        ends = [*self.starts[1:], FOREVER]
        self._spans: list[_Span] = []
        taken = frozenset[str]()
        for start, end, calendar in zip(self.starts, ends, found.values(), strict=True):
            if self._spans:
                taken |= {_within(self._spans[-1], start - 1).name}
            self._spans.append(_Span(start, end, calendar, taken))

    def plus(self, start: Instant, calendar: Calendar) -> "Calendars":
        """Return these calendars and one more."""
        return Calendars((*self._dated, (start, calendar)))

    def at(self, instant: Instant) -> tuple[Calendar, Instant, Instant]:
        """Return the calendar at an instant, and the span `[start, end)` in which it holds."""
        span = self._span(instant)
        return span.calendar, span.start, span.end

    def period_at(self, instant: Instant) -> Period:
        """Return the period that contains an instant; it ends where another calendar starts."""
        return _within(self._span(instant), instant)

    def find(self, name: str) -> Period | None:
        """Return the period with a name or start instant; None if the tenant has no such period.

        ValueError for a text that is not a period name of any calendar.
        """
        try:
            is_month, is_date = _MONTH.fullmatch(name), _DATE.fullmatch(name)
            if not is_month and not is_date:
                return self._starting(parse_instant(name))
            first = datetime.fromisoformat(name if is_date else f"{name}-01").replace(tzinfo=UTC)
        except ValueError:
            raise ValueError(
                f"{name!r} is not a period: write it like 2026-11, 2026-11-23 or"
                " 2026-11-30T23:00:00Z"
            ) from None
        if first.year not in _YEARS:
            return None
        at = instant_of(first)
        return self._named(name, at - _AWAY, at + (_AWAY if is_date else _LONGEST))

    def _starting(self, start: Instant) -> Period | None:
        if not BEGINNING <= start < LATEST:
            return None
        period = self.period_at(start)
        return period if period.start == start else None

    def _named(self, name: str, at: Instant, last: Instant) -> Period | None:
        while at <= last:
            period = self.period_at(at)
            if period.name == name:
                return period
            at = period.end
        return None

    def _span(self, instant: Instant) -> _Span:
        return self._spans[max(bisect_right(self.starts, instant), 1) - 1]


def _within(span: _Span, instant: Instant) -> Period:
    """Return the period of an instant, cut at the start and end of the calendar.

    A period that is cut, or whose name is taken, is named after its start, so names are unique.
    """
    period = span.calendar.period_at(instant)
    # No other calendar precedes the beginning.
    start = period.start if span.start == BEGINNING else max(period.start, span.start)
    is_plain = start == period.start and period.name not in span.taken
    return Period(
        start, min(period.end, span.end), period.name if is_plain else format_instant(start)
    )
