"""Reads a rollup so that its parts belong together and to their ledger."""

from collections.abc import AsyncIterator, Collection

from metering.core.basics.errors import RollupBroken
from metering.core.basics.instants import Instant
from metering.core.reports.rollup import Cursor, Part, PartName
from metering.ports import LedgerStore, RollupStore


async def must_belong(ledgers: LedgerStore, cursor: Cursor) -> Instant | None:
    """Return the commit time of the last page of a rollup; None for a rollup without pages.

    Raises RollupBroken if the ledger does not have that page.
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

    Raises RollupBroken for a part that is missing, older or newer: another process may have written
    since the cursor was read, or a replica may lag. Discard the parts yielded before.
    """
    wanted = {name: cursor.parts[name] for name in names if name in cursor.parts}
    async for part in rollups.parts(cursor.ledger, list(wanted)):
        if part.page != wanted.pop(part.name):
            raise RollupBroken(str(cursor.ledger), f"{part.name} is of page {part.page}")
        yield part
    if wanted:
        missing = ", ".join(map(str, sorted(wanted)))
        raise RollupBroken(str(cursor.ledger), f"{missing} is missing")
