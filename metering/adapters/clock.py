"""Clocks: the machine's, and one that stands still (the demo's)."""

import time

from metering.core.basics.instants import Instant

_NANOSECONDS = 1_000


class SystemClock:
    """The machine's clock, UTC."""

    def now(self) -> Instant:
        """Return the present instant."""
        return time.time_ns() // _NANOSECONDS


class FixedClock:
    """Always the same instant: what came in does not depend on when the demo is run."""

    def __init__(self, instant: Instant) -> None:
        self._instant = instant

    def now(self) -> Instant:
        """Return the instant it was set to."""
        return self._instant
