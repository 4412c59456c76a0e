"""Hub lag: how far counting is behind publishing, measured rarely and answered at once."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import SECOND, Instant
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.ports import Clock, HubProgress, HubWatch, Telemetry

#: How long a measurement is kept: each one asks every partition of every hub.
MEMORY: Final = 30 * SECOND
#: How long an answer waits for a measurement. At a busy hub that takes two, two seconds apart.
WAIT_S: Final = 3.0
#: The same for a command, a new process that signs in and measures for the first time.
COMMAND_WAIT_S: Final = 30.0
_US_IN_MS: Final = 1_000


class HubLag(NamedTuple):
    """The lag as last measured."""

    lag: Instant | None
    """Everything published longer ago is counted; None before the first measurement."""
    is_reachable: bool
    """Whether the last measurement succeeded. If not, counting itself may have stopped."""


@dataclass(slots=True, kw_only=True)
class HubLags:
    """Measures at intervals, one measurement at a time, however many callers ask."""

    progress: Callable[[], HubProgress]
    """Returns the progress of the hubs; may raise ConfigurationError."""
    clock: Clock
    wait_s: float = WAIT_S
    fault: str = field(init=False, default="")
    """Why the last measurement failed; empty if it did not."""
    _look: asyncio.Task[None] | None = field(init=False, default=None)
    _looked: Instant | None = field(init=False, default=None)
    _until: Instant = field(init=False, default=BEGINNING)
    _is_reachable: bool = field(init=False, default=True)

    async def known(self) -> HubLag:
        """Return the lag after at most `wait_s`; an error of the hubs makes it unreachable.

        A measurement that takes longer continues, and a later call returns its result. Cancelling
        it would cost its connections, and a slow hub would never be measured.
        """
        now = self.clock.now()
        if self._look is None and not self._is_fresh(now):
            self._look = asyncio.create_task(self._find())
        if self._look is not None:
            ended, _ = await asyncio.wait({self._look}, timeout=self.wait_s)
            for look in ended:
                look.result()
        if self._until == BEGINNING:
            return HubLag(None, self._is_reachable)
        return HubLag(max(0, self.clock.now() - self._until), self._is_reachable)

    def _is_fresh(self, now: Instant) -> bool:
        return self._looked is not None and 0 <= now - self._looked < MEMORY

    async def _find(self) -> None:
        try:
            self._until = await self.progress().counted_until()
            self._is_reachable, self.fault = True, ""
        except (RetryableError, ConfigurationError) as error:
            # The timer close_periods asks the same, and alerts with the reason.
            self._is_reachable, self.fault = False, str(error)
        finally:
            self._looked = self.clock.now()
            self._look = None

    async def close(self) -> None:
        """Cancel a measurement in progress."""
        look = self._look
        if look is not None:
            look.cancel()
            with suppress(asyncio.CancelledError):
                await look


class NoHubs:
    """Implements HubProgress without hubs: every event is counted when it is accepted."""

    async def counted_until(self) -> Instant:
        """Return FOREVER: no event is in transit."""
        return FOREVER

    async def counted_by_hub(self) -> Mapping[str, Instant]:
        """Return no hub."""
        return {}


@dataclass
class WatchHubs:
    """The use case behind the timer `watch_hubs`: it records how far each hub is behind."""

    progress: Callable[[], HubWatch]
    clock: Clock
    telemetry: Telemetry

    async def run(self) -> None:
        """Record the age of the oldest events of each hub that are not counted.

        From the ends of its partitions and the checkpoints, so also where no batch comes at all.
        RetryableError when the hubs are out of reach, ConfigurationError when they are not set.
        """
        for hub, until in (await self.progress().counted_by_hub()).items():
            lag = max(0, self.clock.now() - until) // _US_IN_MS
            self.telemetry.record("metering.hub.lag_ms", lag, {"hub": hub})
