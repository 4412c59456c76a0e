"""Reading a rollup so that what is read belongs together, and to its ledger."""

from collections.abc import AsyncIterator, Collection

from metering.core.basics.errors import RollupBroken
from metering.core.basics.instants import Instant
from metering.core.reports.rollup import Cursor, Part, PartName
from metering.ports import LedgerStore, RollupStore


async def must_belong(ledgers: LedgerStore, cursor: Cursor) -> Instant | None:
    """Return when the last page of a rollup was committed; None of one that has no page.

    Raises RollupBroken if it goes up to a page that its ledger does not have.
    """
    if cursor.page == 0:
        return None
    page = await ledgers.read_page(cursor.ledger, cursor.page)
    if page is None or page.hash != cursor.hash:
        reason = f"cursor names a page {cursor.page} that is not the ledger's"
        raise RollupBroken(str(cursor.ledger), reason)
    return page.committed


async def read_listed(
    rollups: RollupStore, cursor: Cursor, names: Collection[PartName]
) -> AsyncIterator[Part]:
    """Yield those of the named parts that the cursor lists, each as of the page listed.

    Raises RollupBroken for one that is missing, older or newer: somebody may have written since the
    cursor was read, or a replica may be behind. What was yielded before does not count then.
    """
    wanted = {name: cursor.parts[name] for name in names if name in cursor.parts}
    async for part in rollups.parts(cursor.ledger, list(wanted)):
        if part.page != wanted.pop(part.name):
            raise RollupBroken(str(cursor.ledger), f"{part.name} is of page {part.page}")
        yield part
    if wanted:
        missing = ", ".join(map(str, sorted(wanted)))
        raise RollupBroken(str(cursor.ledger), f"{missing} is not there")
