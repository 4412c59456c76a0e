"""Dated values: each holds from an instant on, and the past is never changed."""

from bisect import bisect_right
from typing import Final

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import MINUTE, Instant, format_instant

#: The start of a first mapping: before every event that can still arrive.
BEGINNING: Instant = 0
FOREVER: Instant = 2**62


class Dated[T]:
    """Values by start instant; of two with the same start, the later record wins."""

    def __init__(self) -> None:
        self._starts: list[Instant] = []
        self._values: list[T] = []

    def add(self, start: Instant, value: T) -> None:
        """Let `value` hold from an instant on, until the next one."""
        position = bisect_right(self._starts, start)
        self._starts.insert(position, start)
        self._values.insert(position, value)

    def plus(self, start: Instant, value: T) -> "Dated[T]":
        """Return a copy with one more value."""
        made = Dated[T]()
        made._starts, made._values = self._starts.copy(), self._values.copy()
        made.add(start, value)
        return made

    def starts(self) -> list[Instant]:
        """Return the start of each value, earliest first."""
        return self._starts

    def values(self) -> list[T]:
        """Return the values, earliest start first."""
        return self._values

    def at(self, instant: Instant) -> tuple[T | None, Instant, Instant]:
        """Return the value at an instant, and the span `[start, end)` in which it holds."""
        position = bisect_right(self._starts, instant)
        end = self._starts[position] if position < len(self._starts) else FOREVER
        if not position:
            return None, BEGINNING, end
        return self._values[position - 1], self._starts[position - 1], end


def soonest(now: Instant) -> Instant:
    """Return the earliest start of a change: later than every event accepted so far.

    Events may be minutes ahead of the clock. A change that started earlier could give the
    redelivery of a counted event another ledger or another price.
    """
    return now + MAX_AHEAD


def refuse_the_past(what: str, now: Instant, effective: Instant) -> None:
    """Raise ConfigurationError for a change that starts before `soonest`."""
    earliest = soonest(now)
    if effective < earliest:
        raise ConfigurationError(
            f"{what}: a change starts no earlier than {format_instant(earliest)}, not at"
            f" {format_instant(effective)}: history is never edited"
        )


MAX_AHEAD: Final = 5 * MINUTE
