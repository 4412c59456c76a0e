"""Collect gauges: the present amount of open work."""

from dataclasses import dataclass
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import DAY
from metering.core.prices.coverage import source_ages
from metering.ports import (
    Clock,
    EffectStore,
    LedgerStore,
    Telemetry,
)

#: Ledgers that started earlier are closed or about to be: their figures are final.
RECENT: Final = 62 * DAY
#: Most effects counted; more make no difference to an operator.
MAX_COUNTED: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectGauges:
    """The use case behind the timer `take_stock`."""

    tenancy: Tenancy
    ledgers: LedgerStore
    effects: EffectStore
    clock: Clock
    telemetry: Telemetry

    async def run(self) -> None:
        """Set the gauges. Reads only, so it is safe to repeat at any point."""
        parked = await self.effects.parked(MAX_COUNTED)
        self.telemetry.set("metering.effects.waiting", len(parked))
        unpriced, held, largest = await self._ledgers()
        self.telemetry.set("metering.usage.unpriced", unpriced)
        self.telemetry.set("metering.streams.pending", held)
        self.telemetry.set("metering.ledger.segment_bytes", largest)
        await self.tenancy.refresh()
        for age in source_ages(self.tenancy.prices, self.clock.now()):
            if age.days is not None:
                self.telemetry.set("metering.prices.age_days", age.days, {"source": age.name})

    async def _ledgers(self) -> tuple[int, int, int]:
        """Return the requests without a price, the streams without counts, the largest segment."""
        since = self.clock.now() - RECENT
        unpriced = held = largest = 0
        for ledger in await self.ledgers.ledgers():
            if ledger.start < since:
                continue
            try:
                stored = await self.ledgers.read_head(ledger)
            except LedgerBroken:
                # Commits and `metering verify` report it; the other ledgers are counted.
                continue
            if stored is not None:
                unpriced += sum(line.unpriced for line in stored.head.lines.values())
                held += sum(holds.requests for holds in stored.head.holds.values())
                largest = max(largest, stored.head.segment_bytes)
        return unpriced, held, largest
