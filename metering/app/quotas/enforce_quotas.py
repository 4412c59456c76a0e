"""Bring the limits of every ledger up to date, so that a quota below the usage applies at once."""

from dataclasses import dataclass
from typing import Final

from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import pages, stored_head
from metering.app.ledger.wrong_clock import counted_again
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import HeadMovedError
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.commit import commit_of
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.quotas.limit_change import BeforeTheChange
from metering.ports import Alerts, Clock, LedgerStore

#: Races lost in a row on one ledger before it is left to the next run.
_MAX_RACES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforceQuotas:
    """The use case behind the timer `enforce_quotas`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    clock: Clock
    alerts: Alerts

    async def run(self) -> int:
        """Write the limits in force to the ledgers of the present period; return how many changed.

        A commit does this itself if the head has the usage of a new quota. Otherwise the pages are
        read here. Safe to repeat and to run twice at once.
        """
        await self.tenancy.refresh()
        changes = 0
        one_by_one = OneByOne(self.alerts)
        for tenant in self.tenancy.directory.tenants():
            now = self.clock.now()
            ledger = LedgerId(tenant, self.tenancy.directory.period_at(tenant, now).start)
            limits = self.tenancy.limits(tenant, now)
            with one_by_one.about(ledger):
                changes += await self._settle(ledger, limits, now)
        one_by_one.settle()
        return changes

    async def _settle(self, ledger: LedgerId, limits: Limits, now: Instant) -> bool:
        for _ in range(_MAX_RACES):
            stored = await stored_head(self.ledgers, ledger)
            if stored is None:
                return False
            head = stored.head
            change = await counted_again(self.ledgers, head, limits, now)
            if change is None and head.counts.limits == limits:
                return False
            commit = commit_of(head, {}, now, change or await self._counted(head, limits, now))
            try:
                await self.ledgers.commit(commit)
            except HeadMovedError:
                continue
            return True
        return False

    async def _counted(self, head: Head, limits: Limits, now: Instant) -> LimitChange:
        """Return the change to other limits, with the usage of the new ones so far."""
        counting = BeforeTheChange(head, limits, now)
        async for page in pages(self.ledgers, head.ledger, through=head.position):
            counting.add(page)
        return counting.change()
