"""Readiness: the store answers, and background work keeps up."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.hubs.hub_lag import HubLag, HubLags
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import MINUTE, SECOND, Instant
from metering.ports import Clock, EffectStore

#: Effects are delivered within half a minute and events counted within seconds. This much later,
#: the background work has stopped.
LATE: Final = 10 * MINUTE
#: How long an answer is cached, so that frequent probes cost the store nothing.
MEMORY: Final = 2 * SECOND


class Ready(NamedTuple):
    """The lag of the background work."""

    effects_lag: Instant
    """The lag of the oldest effect due; 0 without one."""
    hub: HubLag
    """The lag of counting behind publishing."""

    @property
    def is_behind(self) -> bool:
        """Return whether it is so late that the background work seems to have stopped."""
        hub_lag = self.hub.lag or 0
        return max(self.effects_lag, hub_lag) > LATE or not self.hub.is_reachable


@dataclass(slots=True, kw_only=True)
class Readiness:
    """The use case behind `/api/health/ready`."""

    tenancy: Tenancy
    effects: EffectStore
    hub_lags: HubLags
    clock: Clock
    _known: tuple[Instant, Ready] | None = field(init=False, default=None)

    async def check(self) -> Ready:
        """Return the lags; RetryableError or ConfigurationError if the store does not answer."""
        now = self.clock.now()
        if self._known is not None and 0 <= now - self._known[0] < MEMORY:
            return self._known[1]
        await self.tenancy.refresh_if_due()
        due = await self.effects.due(now, 1)
        oldest = due[0].due if due else None
        ready = Ready(0 if oldest is None else now - oldest, await self.hub_lags.known())
        self._known = now, ready
        return ready
