"""Statements are derived again from the pages that are read to prove their ledgers."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from metering.app.billing.close_periods import GRACE
from metering.app.billing.derive_statements import DeriveStatements
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.page import Page
from tests.app.billing.test_close_periods import DECEMBER, DUE, NOVEMBER, use

type System = Any


class NoPages:
    """Ledgers whose pages must not be read in order."""

    def __init__(self, ledgers: Any) -> None:
        self._ledgers = ledgers

    def __getattr__(self, name: str) -> Any:
        """Pass on everything else."""
        return getattr(self._ledgers, name)

    async def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        raise AssertionError(f"{ledger} is read again after page {after}")
        yield


async def test_pages_that_were_proven_are_not_read_again_for_the_statements(
    system: System,
) -> None:
    await use(system, "z", at=NOVEMBER.start - DAY)
    await use(system, "a")
    await system.close(DUE)
    # Late for November: December bills it. The last one is billed by no statement.
    await use(system, "b")
    await system.close(DECEMBER.end + GRACE)
    await use(system, "d")
    statements = system.read_statements
    drafts = replace(statements.drafts, ledgers=NoPages(statements.drafts.ledgers))
    deriving = DeriveStatements(replace(statements, drafts=drafts))
    proven = await system.app.verify_store.run(told=deriving.add)
    assert proven.holds
    found = await deriving.verdicts(["acme", "idle"])
    assert [(one.ledger.tenant, one.period, one.faults) for one in found] == [
        ("acme", "2026-10", ()),
        ("acme", "2026-11", ()),
        ("acme", "2026-12", ()),
    ]
