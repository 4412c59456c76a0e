"""Publish from logs the usage that no policy has reported by the end of the recovery delay."""

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

#: Looked at together: their ledgers are read once for all of them.
TOGETHER: Final = 1_000
#: Rounds in one run of the timer; the next run takes the rest.
MAX_ROUNDS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoverUsage:
    """The second use case behind the timer `expire_pending`."""

    pending: PendingStore
    ledgers: LedgerStore
    tenancy: Tenancy
    publisher: UsagePublisher
    dead_letters: DeadLetterStore
    clock: Clock
    recovery_delay: Instant | None

    async def run(self) -> int:
        """Publish what is due and return how many requests that were.

        What a ledger has counted or holds was reported by a policy and is let go. Safe to repeat
        at any point: what is published twice is a duplicate.
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
        letters = await publish(self.publisher, bodies, self.clock.now())
        await self.dead_letters.put(letters)
        await self.pending.remove_halves("recovery", ids)
        return len(bodies)

    async def _known(self, due: list[PendingHalf]) -> set[str]:
        """Return the ids that the ledgers of these requests have counted or hold, of any source.

        What a policy reported without counts is not among them: the log's are better.
        """
        slots: defaultdict[LedgerId, set[Slot]] = defaultdict(set)
        reader = UsageReader()
        for half in due:
            try:
                # Read as of its arrival: however long this timer was away, it is not too old.
                usage = reader.read(half.body, half.since)
                terms = await self.tenancy.terms(usage.dimensions.subject, usage.time)
            except RejectedEvent:
                # Published, it becomes a dead letter that says so and can be replayed.
                continue
            slot = slot_of(usage.time)
            slots[terms.ledger] |= {slot - 1, slot, slot + 1}
        ids: set[str] = set()
        for ledger, wanted in slots.items():
            try:
                pages = await self.ledgers.read_slots(ledger, sorted(wanted))
            except LedgerBroken:
                # Published, its events are parked with the others of that ledger.
                continue
            ids.update(
                entry.id
                for page in pages
                for entry in page.entries
                if entry.key[0] == LLM_USAGE
                and (entry.state.is_hold or entry.state.evidence >= Evidence.RECOVERED)
            )
        return ids
