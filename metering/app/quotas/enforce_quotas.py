"""Bring the limits of every ledger up to date, so that a quota below the usage applies at once."""

from dataclasses import dataclass
from typing import Final

from metering.app.ledger.reading import pages, stored_head
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import HeadMovedError, LedgerBroken
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.commit import commit_of
from metering.core.ledger.limits import Limits
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
        for tenant in self.tenancy.directory.tenants():
            now = self.clock.now()
            ledger = LedgerId(tenant, self.tenancy.directory.period_at(tenant, now).start)
            limits = self.tenancy.limits(tenant, now)
            try:
                changes += await self._settle(ledger, limits, now)
            except LedgerBroken as fault:
                # It waits until it is repaired; the others do not.
                self.alerts.alert(str(fault), "ledger")
        return changes

    async def _settle(self, ledger: LedgerId, limits: Limits, now: Instant) -> bool:
        for _ in range(_MAX_RACES):
            stored = await stored_head(self.ledgers, ledger)
            if stored is None or stored.head.counts.limits == limits:
                return False
            head = stored.head
            counting = BeforeTheChange(head, limits, now)
            async for page in pages(self.ledgers, ledger, through=head.position):
                counting.add(page)
            commit = commit_of(head, {}, now, counting.change())
            try:
                await self.ledgers.commit(commit)
            except HeadMovedError:
                continue
            return True
        return False
