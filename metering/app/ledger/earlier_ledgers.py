"""Earlier ledgers of a tenant, for quotas whose windows overlap several of them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.ledger.past_before import PeriodAt
from metering.app.ledger.reading import pages
from metering.core.basics.errors import LedgerBroken, LedgerLagError
from metering.core.basics.instants import DAY, MINUTE, Instant
from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.chain import START, Position
from metering.core.ledger.counts import Counts, change_to, changed
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.quotas.limit_change import counts_in_force
from metering.core.quotas.long_windows import EarlierUsage, oldest_start, taken_over
from metering.ports import LedgerStore

#: Ledgers that ended longer ago rarely get usage: each is read once in so many minutes.
_ROUND: Final = 60
#: Ledgers that ended within this time are read each minute.
_LATE: Final = 2 * DAY
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


async def with_earlier(
    store: LedgerStore,
    periods: PeriodAt,
    head: Head,
    change: LimitChange | None,
    limits: Limits,
    now: Instant,
) -> LimitChange | None:
    """Return a change of a ledger with the pages that earlier ledgers have got.

    `change`: what else the ledger needs. A ledger that cannot be read is left out until it can;
    LedgerBroken if a new quota needs it.
    """
    if not limits.long:
        return change
    counting = EarlierUsage(head, change, limits, now)
    found = periods_before(periods, head.ledger, oldest_start(limits, now))
    for number, period in enumerate(found):
        is_due = period.end > now - _LATE or number % _ROUND == now // MINUTE % _ROUND
        if not is_due and not counting.needs_all:
            continue
        try:
            await _count(store, LedgerId(head.ledger.tenant, period.start), counting)
        except LedgerBroken:
            if counting.has_new:
                raise
    return counting.change()


async def _count(store: LedgerStore, ledger: LedgerId, counting: EarlierUsage) -> None:
    stored = await store.read_head(ledger)
    if stored is None:
        return
    through = stored.head.position
    since = await _position(store, ledger, counting.since(ledger))
    async for page in pages(store, ledger, since=since, through=through):
        counting.add(page)
    counting.end(stored.head)


async def _position(store: LedgerStore, ledger: LedgerId, number: int) -> Position:
    if not number:
        return START
    page = await store.read_page(ledger, number)
    if page is None:
        raise LedgerLagError(f"ledger {ledger}: page {number} is not there yet")
    return Position(number, page.hash)
