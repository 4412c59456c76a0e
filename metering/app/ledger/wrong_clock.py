"""Recovery of a ledger that a process with a clock far ahead has committed to."""

from metering.app.ledger.reading import pages
from metering.core.basics.instants import Instant
from metering.core.ledger.head import Head
from metering.core.ledger.limits import LimitChange, Limits
from metering.core.quotas.limit_change import CountedAgain
from metering.ports import LedgerStore


async def counted_again(
    store: LedgerStore, head: Head, limits: Limits, now: Instant
) -> LimitChange | None:
    """Return the change that brings a ledger's time back to now; None if it is not ahead.

    Windows and holds that the wrong time had ended are counted again, from all pages.
    """
    if not head.is_ahead(now):
        return None
    counting = CountedAgain(head, limits, now)
    async for page in pages(store, head.ledger, through=head.position):
        counting.add(page)
    return counting.change()
