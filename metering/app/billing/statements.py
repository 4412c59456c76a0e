"""Read statements, preview them, and prove that they follow from the pages."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.billing.draft_chain import DraftChain
from metering.app.billing.draft_statements import DraftStatements
from metering.app.ledger.reading import head_of
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrual import Accrual
from metering.core.allocation.accrued import AccruedShare
from metering.core.allocation.allocation import Allocation
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import format_instant
from metering.core.basics.money import Amount
from metering.core.billing.recomputation import TotalsAt
from metering.core.billing.statement import Shared, Statement, StatementLine, shared_of
from metering.core.billing.statement_document import sealed
from metering.core.calendars.periods import LedgerId, Period, parse_month
from metering.core.ledger.page import GENESIS
from metering.ports import AllocationStore, StatementStore

#: The fields of a statement that are derived; the others identify it.
_DERIVED: Final = (
    *("plan", "currency", "number", "lines", "billed", "shared", "burnt"),
    *("carried", "price_versions", "provenance", "from_cache"),
)


NO_TOTALS: Final[Mapping[LedgerId, TotalsAt]] = {}


@dataclass(frozen=True, slots=True)
class StatementVerdict:
    """The result of deriving a statement again; it is proven if there are no faults."""

    ledger: LedgerId
    period: str
    total: Amount
    allocations: tuple[Allocation, ...] = ()
    """The allocations of provisioned capacity that it was the first to bill."""
    faults: tuple[str, ...] = ()


class Preview(NamedTuple):
    """The draft of a statement, and what of it is provisional."""

    statement: Statement
    provisional: Mapping[Shared, Accrual]
    """The shares of provisioned capacity that may still change."""
    later: tuple[AccruedShare, ...]
    """The shares that accrue in the period, and that a later statement bills."""


@dataclass(slots=True)
class Statements:
    """The use case behind `metering statement` and `metering verify --statement`."""

    statements: StatementStore
    drafts: DraftStatements
    allocations: AllocationStore
    tenancy: Tenancy
    accruals: Accruals

    async def of(self, tenant: str, period: Period) -> Statement | None:
        """Return the statement of a period; None for one that is not closed."""
        return await self.statements.read_statement(LedgerId(tenant, period.start))

    async def latest(self, tenant: str) -> Statement | None:
        """Return a tenant's last statement."""
        return await self.statements.latest_statement(tenant)

    def every(self, tenant: str) -> AsyncIterator[Statement]:
        """Yield a tenant's statements, the earliest period first."""
        return self.statements.statements(tenant)

    async def draft(self, tenant: str, period: Period) -> Preview:
        """Return the statement of an open period as of now, with what of it is provisional.

        Periods before it that are not closed either are drafted first. It has the shares of
        provisioned capacity that the close would bill, as they stand now. Raises ConfigurationError
        for a period that has not begun, and after too many that are not closed.
        """
        await self.tenancy.refresh_if_due()
        chain = DraftChain(self.drafts, self.accruals)
        draft, _ = await chain.up_to(tenant, period, await self._before(tenant, period))
        accruals = await chain.accrued(period)
        provisional = {shared_of(one.allocation): one for one in accruals if not one.is_final}
        lines = tuple(_marked(line, provisional) for line in draft.lines)
        draft = sealed(replace(draft, lines=lines))
        running = await self.accruals.of(tenant, period)
        later = [one for one in running.shares if not one.is_final and one.month.end > period.end]
        return Preview(draft, provisional, tuple(later))

    async def entries_to_draft(self, tenant: str, period: Period) -> int:
        """Return how many entries the draft of a period reads: those of all open ones until it."""
        await self.tenancy.refresh_if_due()
        closed, ledgers, found = await self._before(tenant, period), self.drafts.ledgers, 0
        for ledger in await ledgers.ledgers(tenant):
            if ledger.start <= period.start and (closed is None or ledger not in closed.billed):
                head = await head_of(ledgers, ledger)
                found += 0 if head is None else head.entries
        return found

    async def _before(self, tenant: str, period: Period) -> Statement | None:
        found = None
        async for statement in self.statements.statements(tenant):
            if statement.period.start >= period.start:
                break
            found = statement
        return found

    async def verify(
        self,
        tenant: str,
        *,
        is_proven: bool = False,
        totals: Mapping[LedgerId, TotalsAt] = NO_TOTALS,
    ) -> AsyncIterator[StatementVerdict]:
        """Derive every statement of a tenant again from its pages; yield the differences.

        `is_proven`: its ledgers have just been proven, so entries are not held against the terms
        again. `totals` has those of ledgers in which that proof found no fault.
        """
        await self.tenancy.refresh_if_due()
        drafts = replace(self.drafts, checks_terms=not is_proven, totals=totals)
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


def _marked(line: StatementLine, provisional: Mapping[Shared, Accrual]) -> StatementLine:
    """Return a line; that of a share which may still change says so as its reason."""
    accrual = provisional.get((line.reference or "", line.charge_period or ""))
    if accrual is None:
        return line
    state = "provisional and incomplete" if accrual.faults else "provisional"
    return line._replace(reason=f"{state}, accrued until {format_instant(accrual.at)}")


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
