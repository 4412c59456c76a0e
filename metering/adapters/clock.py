"""Clocks: the machine's, and a fixed one for the demo."""

import time

from metering.core.basics.instants import Instant

_NANOSECONDS = 1_000


class SystemClock:
    """The machine's clock, UTC."""

    def now(self) -> Instant:
        """Return the current instant."""
        return time.time_ns() // _NANOSECONDS


class FixedClock:
    """A clock that always returns one instant, so that the demo does not depend on the date."""

    def __init__(self, instant: Instant) -> None:
        self._instant = instant

    def now(self) -> Instant:
        """Return the fixed instant."""
        return self._instant
