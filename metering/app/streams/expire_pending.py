"""Give up waiting for the counts of streams: after a day an entry says that they are missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.app.ledger.committer import Committer
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken, RejectedEvent
from metering.core.basics.instants import SECOND
from metering.core.streams.lifetimes import LOG_TTL_S, PATIENCE
from metering.core.usage.buckets import NO_TOKENS
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage_reader import UsageReader
from metering.ports import Alerts, Clock, DeadLetterStore, PendingHalf, PendingStore

#: Halves settled in one run of the timer; the next run takes the rest.
MAX_HALVES: Final = 5_000


class Expired(NamedTuple):
    """What became of the halves that waited for long."""

    completed: int
    """Their counts were here all the same."""
    missing: int
    """An entry says that their counts are missing."""

    @property
    def settled(self) -> int:
        """How many need no longer wait."""
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
        """Settle the halves that have waited a day, and return what became of them.

        A half whose counts came meanwhile is a duplicate of its entry, by the evidence rule. Safe
        to repeat at any point: a half is marked settled only after its entry is in the ledger.
        """
        now = self.clock.now()
        halves = await self.pending.identities_before(now - PATIENCE, MAX_HALVES)
        reader = UsageReader()
        await self.tenancy.refresh()
        completed = await self._complete(halves)
        given_up = 0
        for half in halves:
            if half.request_id in completed:
                continue
            # Read as of its own time: it was accepted then, however long this timer was away.
            usage = reader.read(half.body, half.since)
            missing = usage._replace(
                evidence=Evidence.MISSING, buckets=NO_TOKENS, arrival=self.clock.now()
            )
            try:
                terms = await self.tenancy.terms(usage.dimensions.subject, usage.time)
                await self.committer.commit(terms.ledger, [missing], self.tenancy.terms_book.rate)
            except RejectedEvent:
                # Its event was dead-lettered for want of a tenant; replaying that brings it back.
                continue
            except LedgerBroken as fault:
                # It waits until its ledger is mended; the halves of others do not wait with it.
                self.alerts.alert(str(fault))
                continue
            await self.pending.resolve([half.request_id])
            given_up += 1
        await self.pending.forget_logs(now - LOG_TTL_S * SECOND)
        return Expired(len(completed), given_up)

    async def _complete(self, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Publish streams whose counts are here all the same: a reader may have missed them."""
        identities = {half.request_id: half.body for half in halves}
        tokens = await self.pending.read_halves("tokens", identities.keys())
        done = await self.streams.complete(identities, tokens)
        await self.dead_letters.put(done.letters)
        return done.request_ids
