"""Bring the limits of every ledger up to date: a quota set below what is spent applies at once."""

from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import HeadMovedError, LedgerBroken, RetryableError
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.commit import commit_of
from metering.core.ledger.counts import Limits
from metering.core.quotas.limit_change import BeforeTheChange
from metering.ports import Alerts, Clock, LedgerStore

#: Races lost in a row on one ledger before the next run of the timer takes it up.
_MAX_RACES: Final = 5


class EnforceQuotas:
    """The use case behind the timer `enforce_quotas`."""

    def __init__(
        self, *, ledgers: LedgerStore, tenancy: Tenancy, clock: Clock, alerts: Alerts
    ) -> None:
        self._ledgers = ledgers
        self._tenancy = tenancy
        self._clock = clock
        self._alerts = alerts

    async def run(self) -> int:
        """Put the limits in force into the ledgers of the present period; return how many changed.

        A commit does that itself where the head tells what a new quota has used. Where it does not,
        the pages are read here. Safe to repeat and to run twice at once.
        """
        await self._tenancy.refresh()
        changes = 0
        for tenant in self._tenancy.directory.tenants():
            now = self._clock.now()
            ledger = LedgerId(tenant, self._tenancy.directory.period_at(tenant, now).start)
            limits = self._tenancy.limits(tenant, now)
            try:
                changes += await self._settle(ledger, limits, now)
            except LedgerBroken as fault:
                # It waits until it is mended; the others do not wait with it.
                self._alerts.alert(str(fault))
        return changes

    async def _settle(self, ledger: LedgerId, limits: Limits, now: Instant) -> bool:
        for _ in range(_MAX_RACES):
            stored = await self._ledgers.read_head(ledger)
            if stored is None or stored.head.counts.limits == limits:
                return False
            head = stored.head
            counting, seen = BeforeTheChange(head, limits, now), 0
            async for page in self._ledgers.pages(ledger):
                if page.number > head.pages:
                    break
                counting.add(page)
                seen = page.number
            if seen != head.pages:
                raise RetryableError(f"ledger {ledger}: page {seen + 1} is not there yet")
            commit = commit_of(head, {}, now, counting.change())
            try:
                await self._ledgers.commit(commit)
            except HeadMovedError:
                continue
            return True
        return False
