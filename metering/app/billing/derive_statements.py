"""Derive statements again while their ledgers are proven, so that pages are read once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from metering.app.billing.statements import Statements, StatementVerdict
from metering.app.reports.verify import Verdict
from metering.core.billing.recomputation import TotalsAt
from metering.core.calendars.periods import LedgerId


@dataclass(slots=True)
class DeriveStatements:
    """Holds the totals of one tenant's ledgers at a time. Make a new one for every run."""

    statements: Statements
    _tenant: str | None = field(init=False, default=None)
    _totals: dict[LedgerId, TotalsAt] = field(init=False, default_factory=dict)
    _is_proven: bool = field(init=False, default=True)
    _verdicts: dict[str, list[StatementVerdict]] = field(init=False, default_factory=dict)

    async def add(self, verdict: Verdict, totals: TotalsAt) -> None:
        """Take in a ledger that was proven; those of a tenant follow one another.

        The pages of one with faults are read again for its statements.
        """
        tenant = verdict.ledger.tenant
        if tenant != self._tenant:
            await self._finish()
            self._tenant = tenant
        if verdict.faults:
            self._is_proven = False
        else:
            self._totals[verdict.ledger] = totals

    async def verdicts(self, tenants: Iterable[str]) -> list[StatementVerdict]:
        """Return the verdicts on the statements of these tenants, with ledgers or without."""
        await self._finish()
        found: list[StatementVerdict] = []
        for tenant in tenants:
            if tenant not in self._verdicts:
                await self._derive(tenant)
            found.extend(self._verdicts[tenant])
        return found

    async def _finish(self) -> None:
        tenant, self._tenant = self._tenant, None
        # What the registry does not know has no plan to derive a statement by.
        if tenant is not None and self.statements.tenancy.directory.since(tenant) is not None:
            await self._derive(tenant)
        self._totals, self._is_proven = {}, True

    async def _derive(self, tenant: str) -> None:
        verify, is_proven, totals = self.statements.verify, self._is_proven, self._totals
        self._verdicts[tenant] = [
            one async for one in verify(tenant, is_proven=is_proven, totals=totals)
        ]
