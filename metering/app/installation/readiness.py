"""Whether this process can serve: its store answers, and what should happen by itself does."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.hubs.hub_lag import HubLag, HubLags
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import MINUTE, SECOND, Instant
from metering.ports import Clock, EffectStore

#: An effect is due at once and looked for every half minute, and an event is counted in seconds;
#: this much later nobody looks.
LATE: Final = 10 * MINUTE
#: How long an answer is kept: whoever asks without end costs the store nothing.
MEMORY: Final = 2 * SECOND


class Ready(NamedTuple):
    """How late what should have happened by itself is."""

    effects_lag: Instant
    """Of the oldest effect that is due, 0 where none is."""
    hub: HubLag
    """Of what was published to the hubs and is not counted."""

    @property
    def is_behind(self) -> bool:
        """Say whether it is so late that nothing seems to look after it."""
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
        """Return how late things are; RetryableError or ConfigurationError without a store."""
        now = self.clock.now()
        if self._known is not None and 0 <= now - self._known[0] < MEMORY:
            return self._known[1]
        await self.tenancy.refresh()
        due = await self.effects.due(now, 1)
        oldest = due[0].due if due else None
        ready = Ready(0 if oldest is None else now - oldest, await self.hub_lags.known())
        self._known = now, ready
        return ready
