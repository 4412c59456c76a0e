"""Expire streams whose counts never came: after a day an entry records them as missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.hubs.batch import USAGE_HUB, Message, dead_letter_of
from metering.app.ledger.committer import Committer
from metering.app.ledger.one_by_one import OneByOne
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import Code, LedgerBroken, RejectedEvent
from metering.core.basics.instants import SECOND
from metering.core.streams.lifetimes import LOG_TTL_S, PATIENCE
from metering.core.usage.buckets import NO_TOKENS
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage_reader import UsageReader
from metering.ports import Alerts, Clock, DeadLetterStore, PendingHalf, PendingStore

#: Streams settled in one run of the timer; the next run continues.
MAX_HALVES: Final = 5_000


class Expired(NamedTuple):
    """The outcomes of one run."""

    completed: int
    """Streams whose counts had arrived after all."""
    missing: int
    """Streams whose entry now records missing counts."""

    @property
    def settled(self) -> int:
        """The number of streams that need not wait any longer."""
        return self.completed + self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirePending:
    """The use case behind the timer `expire_pending`."""

    pending: PendingStore
    streams: CompleteStreams
    tenancy: Tenancy
    committer: Committer
    dead_letters: DeadLetterStore
    clock: Clock
    alerts: Alerts

    async def run(self) -> Expired:
        """Settle the streams that have waited for a day, and return the outcomes.

        Counts that arrive later still correct the entry, by the evidence rule. Safe to repeat at
        any point: a request record is resolved only after its entry is in the ledger.
        """
        now = self.clock.now()
        halves = await self.pending.identities_before(now - PATIENCE, MAX_HALVES)
        reader = UsageReader()
        await self.tenancy.refresh()
        completed = await self._complete(halves)
        given_up = 0
        one_by_one = OneByOne(self.alerts)
        for half in halves:
            if half.request_id in completed:
                continue
            with one_by_one.about(half.request_id):
                given_up += await self._give_up(reader, half)
        await self.pending.forget_logs(now - LOG_TTL_S * SECOND)
        one_by_one.settle()
        return Expired(len(completed), given_up)

    async def _give_up(self, reader: UsageReader, half: PendingHalf) -> bool:
        """Record in a stream's ledger that its counts are missing; False if it waits on."""
        # Validated as of its own time: it was accepted then, however long this timer was down.
        usage = reader.read(half.body, half.since)
        missing = usage._replace(
            evidence=Evidence.MISSING, buckets=NO_TOKENS, arrival=self.clock.now()
        )
        try:
            terms = await self.tenancy.terms(usage.dimensions.subject, usage.time)
            await self.committer.commit(terms.ledger, [missing], self.tenancy.terms_book.rate)
        except RejectedEvent:
            # No tenant pays for it, so its event is a dead letter; a replay restores it.
            return False
        except LedgerBroken as fault:
            # A run takes a bounded number of the oldest: those of one ledger must not fill it.
            await self._park(half, fault)
            raise
        await self.pending.resolve([half.request_id])
        return True

    async def _park(self, half: PendingHalf, fault: LedgerBroken) -> None:
        """Make a stream's request record a dead letter: its replay lets the stream wait again."""
        why = RejectedEvent(Code.LEDGER_STOPPED, fault.reason)
        message = Message(half.body, "expired", 0)
        await self.dead_letters.put([dead_letter_of(USAGE_HUB, message, self.clock.now(), why)])
        await self.pending.remove_halves("identity", [half.request_id])

    async def _complete(self, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Publish streams whose counts have arrived, in case a lagging read missed them."""
        identities = {half.request_id: half.body for half in halves}
        tokens = await self.pending.read_halves("tokens", identities.keys())
        done = await self.streams.complete(identities, tokens)
        await self.dead_letters.put(done.dead_letters)
        return done.request_ids
