"""An answer that takes long to read: kept, and renewed in the background while somebody asks."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from metering.core.basics.errors import RetryableError

#: Whoever asks waits this long for a newer answer, then takes the one before.
WAIT_S: Final = 1.0
#: No answer is older than this.
LONGEST_S: Final = 600.0


@dataclass(slots=True, kw_only=True)
class Renewed[T]:
    """Reads one answer at a time, however many ask for it."""

    read: Callable[[], Awaitable[T]]
    memory_s: Callable[[], float]
    """Returns how long an answer is kept before it is read anew."""
    elapsed_s: Callable[[], float]
    wait_s: float = WAIT_S
    longest_s: float = LONGEST_S
    _kept: T | None = field(init=False, default=None)
    _kept_s: float = field(init=False, default=0.0)
    """When reading it began."""
    _look: asyncio.Task[None] | None = field(init=False, default=None)
    _fault: RetryableError | None = field(init=False, default=None)

    async def known(self) -> T:
        """Return the answer; RetryableError if there is none and it cannot be read now."""
        await self._ask(self.wait_s if self._is_within(self.longest_s) else None)
        if self._kept is None or not self._is_within(self.longest_s):
            raise self._fault or RetryableError("reading took too long; ask again")
        return self._kept

    async def if_known(self) -> T | None:
        """Return the answer, or None instead of waiting for it."""
        await self._ask(self.wait_s)
        return self._kept if self._is_within(self.longest_s) else None

    async def _ask(self, wait_s: float | None) -> None:
        if self._look is None and not self._is_within(self.memory_s()):
            self._look = asyncio.create_task(self._renew())
        if self._look is not None:
            ended, _ = await asyncio.wait({self._look}, timeout=wait_s)
            for look in ended:
                look.result()

    def _is_within(self, seconds: float) -> bool:
        return self._kept is not None and self.elapsed_s() - self._kept_s < seconds

    async def _renew(self) -> None:
        began_s = self.elapsed_s()
        try:
            self._kept = await self.read()
            self._kept_s, self._fault = began_s, None
        except RetryableError as fault:
            self._fault = fault
        finally:
            self._look = None

    async def close(self) -> None:
        """Cancel a reading in progress."""
        look = self._look
        if look is not None:
            look.cancel()
            with suppress(asyncio.CancelledError):
                await look
