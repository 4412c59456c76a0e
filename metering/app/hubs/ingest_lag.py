"""How far counting is behind what was published, for somebody who looks."""

from collections.abc import Callable
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import SECOND, Instant
from metering.core.calendars.dated import BEGINNING
from metering.ports import Clock, HubProgress

#: How long an answer is kept: asking every partition is not for every look of everybody.
MEMORY: Final = 15 * SECOND


class _Known(NamedTuple):
    since: Instant
    lag: Instant | None


class IngestLag:
    """The use case behind the first look at an installation."""

    def __init__(self, progress: Callable[[], HubProgress], clock: Clock) -> None:
        self._progress = progress
        self._clock = clock
        self._known: _Known | None = None

    async def look(self) -> Instant | None:
        """Return how long ago was published what is counted now; None where nobody knows.

        Also where the hubs are out of reach or not set up: the rest of a page is shown all the
        same. An answer may be a quarter of a minute old.
        """
        now = self._clock.now()
        if self._known is None or not 0 <= now - self._known.since < MEMORY:
            self._known = _Known(now, await self._ask(now))
        return self._known.lag

    async def _ask(self, now: Instant) -> Instant | None:
        try:
            counted_until = await self._progress().counted_until()
        except (RetryableError, ConfigurationError):
            return None
        return None if counted_until == BEGINNING else max(0, now - counted_until)
