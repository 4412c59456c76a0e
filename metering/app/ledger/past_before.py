"""The past of a tenant before one of its ledgers."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.periods import LedgerId, Period
from metering.core.ledger.counts import Counts
from metering.core.ledger.head import Head
from metering.core.ledger.past import NO_PAST, Past
from metering.core.ledger.projection import Rhythm
from metering.core.ledger.thresholds import rhythm_of
from metering.ports import LedgerStore

#: How far before its start a ledger looks for one whose past it takes over: weeks without usage.
LOOK_BACK: Final = 35 * DAY

type PeriodAt = Callable[[str, Instant], Period]
"""Returns the period of a tenant that contains an instant."""


async def past_before(store: LedgerStore, periods: PeriodAt, ledger: LedgerId) -> Past:
    """Return the past of the last ledger of the tenant that was begun before `ledger`.

    One read for each earlier period without usage, of at most LOOK_BACK together.
    """
    start = ledger.start
    while start > max(0, ledger.start - LOOK_BACK):
        start = periods(ledger.tenant, start - 1).start
        try:
            stored = await store.read_head(LedgerId(ledger.tenant, start))
        except LedgerBroken:
            # The fault of an earlier ledger is not this one's.
            return NO_PAST
        if stored is not None:
            counts = stored.head.counts
            # Targets are told once a period.
            return replace(counts.past or NO_PAST, hours=counts.hours, targets=())
    return NO_PAST


async def rhythm_at(
    store: LedgerStore, periods: PeriodAt, head: Head, counts: Counts, now: Instant
) -> Rhythm | None:
    """Return the rhythm of a tenant under the counts in force; None where too little is known.

    A ledger without a page has the past that its first commit will take over.
    """
    if not head.pages and counts.limits.needs_hours:
        past = await past_before(store, periods, head.ledger)
        counts = replace(counts, past=past, hours=past.hours)
    return rhythm_of(counts, now)
