"""Settle the open holds of whole ledgers, where the register cannot say which streams they are."""

from dataclasses import dataclass

from metering.app.ledger.committer import Committer
from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry
from metering.core.streams.lifetimes import PATIENCE
from metering.core.usage.buckets import NO_TOKENS
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import EventKey, Usage
from metering.ports import Clock, LedgerStore


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenHolds:
    """The step for ledgers that were broken, and after the timer was down for a week."""

    ledgers: LedgerStore
    tenancy: Tenancy
    committer: Committer
    clock: Clock

    async def since(self, instant: Instant) -> list[LedgerId]:
        """Return the ledgers of periods that had not ended a day before an instant."""
        await self.tenancy.refresh()
        period_of = self.tenancy.directory.period_of
        found = await self.ledgers.ledgers()
        return [one for one in found if period_of(one).end > instant - PATIENCE]

    async def settle(self, ledger: LedgerId) -> int:
        """Record that the counts of old holds are missing; return their number.

        Reads every page. Safe to repeat. LedgerBroken if the ledger cannot be trusted.
        """
        await self.tenancy.refresh()
        held: dict[EventKey, Entry] = {}
        async for page in pages(self.ledgers, ledger):
            for entry in page.entries:
                if entry.state.is_hold:
                    held[entry.key] = entry
                else:
                    held.pop(entry.key, None)
        now = self.clock.now()
        missing = [_missing(entry, now) for entry in held.values() if entry.time < now - PATIENCE]
        await self.committer.commit(ledger, missing, self.tenancy.terms_book.rate)
        return len(missing)


def _missing(entry: Entry, now: Instant) -> Usage:
    return Usage(
        entry.key,
        entry.digest,
        Evidence.MISSING,
        entry.time,
        now,
        entry.state.dimensions,
        entry.end_user,
        NO_TOKENS,
    )
