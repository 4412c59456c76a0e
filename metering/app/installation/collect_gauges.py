"""Take stock: how much there is now of what somebody should look at."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectGauges:
    """The use case behind the timer `take_stock`: it sets the gauges."""

    ledgers: LedgerStore
    pending: PendingStore
    effects: EffectStore
    clock: Clock
    telemetry: Telemetry

    async def run(self) -> None:
        """Look and tell. Reads only, so it is safe to repeat at any point."""
        self.telemetry.set("metering.streams.pending", await self.pending.count_waiting())
        parked = await self.effects.parked(MAX_COUNTED)
        self.telemetry.set("metering.effects.waiting", len(parked))
        self.telemetry.set("metering.usage.unpriced", await self._unpriced())

    async def _unpriced(self) -> int:
        since = self.clock.now() - RECENT
        unpriced = 0
        for ledger in await self.ledgers.ledgers():
            if ledger.start < since:
                continue
            try:
                stored = await self.ledgers.read_head(ledger)
            except LedgerBroken:
                # Whoever commits to it or proves it says so; the others are counted all the same.
                continue
            if stored is not None:
                unpriced += sum(line.unpriced for line in stored.head.lines.values())
        return unpriced
