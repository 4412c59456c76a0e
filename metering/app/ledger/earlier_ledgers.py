"""Earlier ledgers of a tenant, for quotas whose windows overlap several of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.ledger.past_before import PeriodAt
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import MINUTE, Instant
from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.counts import Counts, change_to, changed
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.quotas.limit_change import counts_in_force
from metering.core.quotas.long_windows import oldest_start, taken_over
from metering.ports import LedgerStore

#: How long a process remembers which ledger is the last before another one.
_MEMORY: Final = MINUTE
_MAX_REMEMBERED: Final = 10_000


def periods_before(periods: PeriodAt, ledger: LedgerId, since: Instant) -> Iterator[Period]:
    """Yield the periods of a tenant before a ledger's that end after an instant, latest first."""
    start = ledger.start
    while start > max(0, since):
        period = periods(ledger.tenant, start - 1)
        yield period
        start = period.start


class _Found(NamedTuple):
    start: Instant | None
    """Of the last ledger before; None: there is none."""
    until: Instant


@dataclass(slots=True)
class LedgersBefore:
    """Finds the last ledger that a tenant began before another one.

    One read for each period without usage in between, at most once a minute.
    """

    store: LedgerStore
    periods: PeriodAt
    _known: dict[tuple[LedgerId, Instant], _Found] = field(init=False, default_factory=dict)

    async def last(self, ledger: LedgerId, since: Instant, now: Instant) -> Head | None:
        """Return its head; None if no ledger was begun that ends after `since`."""
        known = self._known.get((ledger, since))
        if known is not None and known.until - _MEMORY <= now < known.until:
            return None if known.start is None else await self._head(ledger.tenant, known.start)
        found: Head | None = None
        for period in periods_before(self.periods, ledger, since):
            found = await self._head(ledger.tenant, period.start)
            if found is not None:
                break
        if len(self._known) >= _MAX_REMEMBERED:
            self._known.clear()
        start = None if found is None else found.ledger.start
        self._known[ledger, since] = _Found(start, now + _MEMORY)
        return found

    async def _head(self, tenant: str, start: Instant) -> Head | None:
        try:
            stored = await self.store.read_head(LedgerId(tenant, start))
        except LedgerBroken:
            # The fault of an earlier ledger is not this one's.
            return None
        return None if stored is None else stored.head

    async def take_over(self, ledger: LedgerId, change: LimitChange, now: Instant) -> LimitChange:
        """Return the change of a ledger's first page with what earlier ledgers have used."""
        if not change.limits.long:
            return change
        before = await self.last(ledger, oldest_start(change.limits, now), now)
        return taken_over(change, before, now)

    async def counts(self, head: Head, limits: Limits, now: Instant) -> Counts:
        """Return the counts in force of a ledger, which may not have begun."""
        if head.pages or not limits.long:
            return counts_in_force(head, limits, now)
        begun = change_to(limits, now, head.ledger.start)
        begun = await self.take_over(head.ledger, begun, now)
        return changed(head.counts, begun)
