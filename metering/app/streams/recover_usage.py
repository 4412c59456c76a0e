"""Recover usage from logs if no policy has reported it within the recovery delay."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from metering.app.hubs.publish import publish
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId, Slot, slot_of
from metering.core.usage.event import LLM_USAGE
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage_reader import UsageReader
from metering.ports import (
    Clock,
    DeadLetterStore,
    LedgerStore,
    PendingHalf,
    PendingStore,
    UsagePublisher,
)

#: Requests of one round: their ledgers are read once for all of them.
TOGETHER: Final = 1_000
#: Rounds in one run of the timer; the next run continues.
MAX_ROUNDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverUsage:
    """The use case that the timer `expire_pending` runs first."""

    pending: PendingStore
    ledgers: LedgerStore
    tenancy: Tenancy
    publisher: UsagePublisher
    dead_letters: DeadLetterStore
    clock: Clock
    recovery_delay: Instant | None

    async def run(self) -> int:
        """Publish the usage that is due and return the number of requests.

        A request that a ledger has counted or holds was reported by a policy: it is dropped. Safe
        to repeat at any point: publishing twice makes a duplicate.
        """
        published = 0
        if self.recovery_delay is None:
            return published
        for _ in range(MAX_ROUNDS):
            before = self.clock.now() - self.recovery_delay
            due = await self.pending.recoveries_before(before, TOGETHER)
            if not due:
                break
            published += await self._settle(due)
        return published

    async def _settle(self, due: list[PendingHalf]) -> int:
        await self.tenancy.refresh()
        known = await self._known(due)
        ids = [half.request_id for half in due]
        bodies = [half.body for half in due if half.request_id not in known]
        dead_letters = await publish(self.publisher, bodies, self.clock.now())
        await self.dead_letters.put(dead_letters)
        await self.pending.remove_halves("recovery", ids)
        return len(bodies)

    async def _known(self, due: list[PendingHalf]) -> set[str]:
        """Return the ids of these requests that ledgers have counted or hold, from any source.

        Requests that a policy reported without counts are left out: the log's counts are better.
        """
        slots: defaultdict[LedgerId, set[Slot]] = defaultdict(set)
        reader = UsageReader()
        for half in due:
            try:
                # Validated as of its arrival: however long this timer was down, it is not too old.
                usage = reader.read(half.body, half.since)
                terms = await self.tenancy.terms(usage.dimensions.subject, usage.time)
            except RejectedEvent:
                # Ingestion dead-letters it with the same code, and it can be replayed.
                continue
            slot = slot_of(usage.time)
            slots[terms.ledger] |= {slot - 1, slot, slot + 1}
        ids: set[str] = set()
        for ledger, wanted in slots.items():
            try:
                pages = await self.ledgers.read_slots(ledger, sorted(wanted))
            except LedgerBroken:
                # Ingestion dead-letters it with the other events of that ledger.
                continue
            ids.update(
                entry.id
                for page in pages
                for entry in page.entries
                if entry.key[0] == LLM_USAGE
                and (entry.state.is_hold or entry.state.evidence >= Evidence.RECOVERED)
            )
        return ids
