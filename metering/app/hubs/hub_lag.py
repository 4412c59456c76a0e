"""How far counting is behind what was published, for whoever asks often and waits briefly."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import SECOND, Instant
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.ports import Clock, HubProgress

#: How long what was found is kept: a look asks every partition of every hub.
MEMORY: Final = 30 * SECOND
#: How long an answer waits for a look. One at a busy hub takes two, some two seconds apart.
WAIT_S: Final = 3.0


class HubLag(NamedTuple):
    """What is known."""

    lag: Instant | None
    """Everything that was published longer ago is counted; None while nobody knows."""
    is_reachable: bool
    """Whether the last look succeeded: where not, nothing may be counted at all."""


@dataclass(slots=True, kw_only=True)
class HubLags:
    """Looks once in a while, one look at a time, however many ask."""

    progress: Callable[[], HubProgress]
    """Returns the progress of the hubs; may raise ConfigurationError."""
    clock: Clock
    wait_s: float = WAIT_S
    _look: asyncio.Task[None] | None = field(init=False, default=None)
    _looked: Instant | None = field(init=False, default=None)
    _until: Instant = field(init=False, default=BEGINNING)
    _is_reachable: bool = field(init=False, default=True)

    async def known(self) -> HubLag:
        """Return what is known after `wait_s` at most; an error of the hubs is no error here.

        A look that takes longer goes on, and a later call has what it found: to break it off would
        cost its connections, and hubs that are late would never be seen to be.
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
            self._is_reachable = True
        except (RetryableError, ConfigurationError):
            # The timer that closes periods asks the same and tells a person why.
            self._is_reachable = False
        finally:
            self._looked = self.clock.now()
            self._look = None

    async def close(self) -> None:
        """Break off a look that is under way."""
        look = self._look
        if look is not None:
            look.cancel()
            with suppress(asyncio.CancelledError):
                await look


class NoHubs:
    """Implements HubProgress for one process over a store of its own."""

    async def counted_until(self) -> Instant:
        """Return the end of time: nothing is on its way."""
        return FOREVER
