"""Read statements, preview them, and prove that they follow from the pages."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from metering.app.billing.draft_statements import DraftStatements
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.allocation import Allocation
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId, Period, parse_month
from metering.core.ledger.page import GENESIS
from metering.ports import AllocationStore, StatementStore

#: The fields of a statement that are derived; the others identify it.
_DERIVED: Final = (
    *("plan", "currency", "number", "lines", "billed", "shared", "burnt"),
    *("carried", "price_versions", "provenance", "from_cache"),
)


@dataclass(frozen=True, slots=True)
class StatementVerdict:
    """The result of deriving a statement again; it is proven if there are no faults."""

    ledger: LedgerId
    period: str
    total: Amount
    allocations: tuple[Allocation, ...] = ()
    """The allocations of provisioned capacity that it was the first to bill."""
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Statements:
    """The use case behind `metering statement` and `metering verify --statement`."""

    statements: StatementStore
    drafts: DraftStatements
    allocations: AllocationStore
    tenancy: Tenancy

    async def of(self, tenant: str, period: Period) -> Statement | None:
        """Return the statement of a period; None for one that is not closed."""
        return await self.statements.read_statement(LedgerId(tenant, period.start))

    async def latest(self, tenant: str) -> Statement | None:
        """Return a tenant's last statement."""
        return await self.statements.latest_statement(tenant)

    def every(self, tenant: str) -> AsyncIterator[Statement]:
        """Yield a tenant's statements, the earliest period first."""
        return self.statements.statements(tenant)

    async def preview(self, tenant: str, period: Period, at: Instant) -> Statement:
        """Return the statement of an open period as of now, without storing it."""
        await self.tenancy.refresh_if_due()
        previous = await self._before(tenant, period)
        return await self.drafts.draft(tenant, period, previous, at)

    async def _before(self, tenant: str, period: Period) -> Statement | None:
        found = None
        async for statement in self.statements.statements(tenant):
            if statement.period.start >= period.start:
                break
            found = statement
        return found

    async def verify(
        self, tenant: str, *, is_proven: bool = False
    ) -> AsyncIterator[StatementVerdict]:
        """Derive every statement of a tenant again from its pages; yield the differences.

        `is_proven`: its ledgers have just been proven, so entries are not held against the terms
        again.
        """
        await self.tenancy.refresh_if_due()
        drafts = replace(self.drafts, checks_terms=not is_proven)
        previous: Statement | None = None
        async for statement in self.statements.statements(tenant):
            faults = [*_chain_faults(statement, previous)]
            allocations = await self._billed(statement, previous)
            try:
                derived = await drafts.draft(
                    tenant,
                    statement.period,
                    previous,
                    statement.closed,
                    allocations=allocations,
                    through=statement.billed,
                )
            except InvariantBroken as fault:
                faults.append(str(fault))
            else:
                faults.extend(_differences(statement, derived))
            yield StatementVerdict(
                statement.ledger,
                statement.period.name,
                statement.total,
                tuple(allocations),
                tuple(faults),
            )
            previous = statement

    async def _billed(self, statement: Statement, previous: Statement | None) -> list[Allocation]:
        """Return the allocations that a statement was the first to bill."""
        before = previous.shared if previous else ()
        found = [
            await self.allocations.read_allocation(deployment.casefold(), parse_month(month).start)
            for deployment, month in statement.shared
            if (deployment, month) not in before
        ]
        return [allocation for allocation in found if allocation is not None]


def _chain_faults(statement: Statement, previous: Statement | None) -> list[str]:
    before = previous.hash if previous else GENESIS
    if statement.previous == before:
        return []
    return ["it does not name the statement before it: one is missing or was exchanged"]


def _differences(statement: Statement, derived: Statement) -> list[str]:
    return [
        f"its {name} is not what its pages give"
        for name in _DERIVED
        if getattr(statement, name) != getattr(derived, name)
    ]
