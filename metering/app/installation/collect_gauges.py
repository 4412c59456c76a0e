"""Collect gauges: the present amount of open work."""

from dataclasses import dataclass
from typing import Final

from metering.app.ledger.reading import recent_heads
from metering.app.tenancy.tenancy import Tenancy
from metering.core.prices.coverage import source_ages
from metering.ports import (
    Clock,
    EffectStore,
    LedgerStore,
    Telemetry,
)

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
        unpriced = held = largest = 0
        async for head in recent_heads(self.ledgers, self.clock.now()):
            if head is not None:
                unpriced += sum(line.unpriced for line in head.lines.values())
                held += sum(holds.requests for holds in head.holds.values())
                largest = max(largest, head.segment_bytes)
        return unpriced, held, largest
