"""Take stock: how much there is now of what somebody should look at."""

from typing import Final

from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import DAY
from metering.ports import (
    Clock,
    EffectStore,
    LedgerStore,
    PendingStore,
    Telemetry,
)

#: Ledgers that began earlier are closed or about to be: their figures do not change any more.
RECENT: Final = 62 * DAY
#: Effects counted; beyond that it is no question of how many.
MAX_COUNTED: Final = 1_000


class CollectGauges:
    """The use case behind the timer `take_stock`: it sets the gauges."""

    def __init__(
        self,
        *,
        ledgers: LedgerStore,
        pending: PendingStore,
        effects: EffectStore,
        clock: Clock,
        telemetry: Telemetry,
    ) -> None:
        self._ledgers = ledgers
        self._pending = pending
        self._effects = effects
        self._clock = clock
        self._telemetry = telemetry

    async def run(self) -> None:
        """Look and tell. Reads only, so it is safe to repeat at any point."""
        self._telemetry.set("metering.streams.pending", await self._pending.count_waiting())
        parked = await self._effects.parked(MAX_COUNTED)
        self._telemetry.set("metering.effects.waiting", len(parked))
        self._telemetry.set("metering.usage.unpriced", await self._unpriced())

    async def _unpriced(self) -> int:
        since = self._clock.now() - RECENT
        unpriced = 0
        for ledger in await self._ledgers.ledgers():
            if ledger.start < since:
                continue
            try:
                stored = await self._ledgers.read_head(ledger)
            except LedgerBroken:
                # Whoever commits to it or proves it says so; the others are counted all the same.
                continue
            if stored is not None:
                unpriced += sum(line.unpriced for line in stored.head.lines.values())
        return unpriced
