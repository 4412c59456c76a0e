"""What the tests of rolling up share: usage read through the rollup and from the pages alone."""

from typing import Any

from metering.core.calendars.periods import LedgerId, month_of
from metering.core.reports.breakdown import GROUPS, Breakdown, Row
from tests.app.committing import LEDGER
from tests.builders import AT

type System = Any


async def from_pages(system: System, ledger: LedgerId = LEDGER) -> list[Row]:
    breakdown = Breakdown(GROUPS)
    async for page in system.store.pages(ledger):
        breakdown.add(page)
    return breakdown.rows()


async def usage_is_exact(system: System) -> bool:
    """Say whether usage, however it is put together, is what the pages give."""
    rows = await system.read.usage("acme", month_of(AT), GROUPS)
    return bool(rows == await from_pages(system))


async def faults(system: System) -> tuple[str, ...]:
    found: tuple[str, ...] = (await system.verify.one(LEDGER)).faults
    return found


async def cursor_page(system: System, ledger: LedgerId = LEDGER) -> int:
    stored = await system.rollups.read_cursor(ledger)
    return 0 if stored is None else stored.cursor.page


async def change(system: System, statement: str, *values: object) -> None:
    await system.database.write(lambda connection: connection.execute(statement, values))
