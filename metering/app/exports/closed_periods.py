"""Selects the statements that an export covers; the part that such exports share."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.app.exports.export_selection import must_have
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import Statement
from metering.core.exports.delivery_manifest import Window
from metering.ports import StatementStore


class Closed(NamedTuple):
    """A statement, and the tenant's statement before it."""

    statement: Statement
    before: Statement | None


@dataclass(slots=True)
class ClosedPeriods:
    """Finds statements, tenant by tenant, and notes the tenants without one.

    A window by name selects each tenant's period of that name or start. A window by span selects
    the statements closed within it, so that each is in exactly one of several adjacent spans.
    """

    statements: StatementStore
    tenancy: Tenancy
    window: Window
    tenant: str | None = None
    _not_closed: list[str] = field(init=False, default_factory=list)

    async def closed(self) -> AsyncIterator[Closed]:
        """Yield the statements by tenant and period. Raises ConfigurationError for a wrong name."""
        await self.tenancy.refresh()
        self._not_closed.clear()
        found = False
        for tenant in self.tenancy.directory.tenants() if self.tenant is None else [self.tenant]:
            is_closed = False
            async for one in self._of(tenant):
                found = is_closed = True
                yield one
            if not is_closed and self.window.span is None:
                self._not_closed.append(tenant)
        if not found and self.window.span is None:
            must_have(self.tenancy, self.window.name, self.tenant)

    def notes(self) -> Mapping[str, str]:
        """Name the tenants whose period of the window's name is not closed."""
        return {"not_closed": ", ".join(self._not_closed)} if self._not_closed else {}

    async def _of(self, tenant: str) -> AsyncIterator[Closed]:
        before: Statement | None = None
        async for statement in self.statements.statements(tenant):
            if self._is_meant(statement):
                yield Closed(statement, before)
            before = statement

    def _is_meant(self, statement: Statement) -> bool:
        if self.window.span is None:
            find = self.tenancy.directory.find_period
            return find(statement.ledger.tenant, self.window.name) == statement.period
        start, end = self.window.span
        return start <= statement.closed < end


@dataclass(slots=True)
class OfClosedPeriods:
    """The part of Report that every report on statements has; call `_add` for each statement."""

    closed: ClosedPeriods
    _totals: Counter[str] = field(init=False, default_factory=Counter)
    _as_of: Instant | None = field(init=False, default=None)

    @property
    def window(self) -> Window:
        """The window of the periods."""
        return self.closed.window

    @property
    def tenant(self) -> str | None:
        """The tenant; None for all tenants."""
        return self.closed.tenant

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of the statements' totals by currency."""
        return self._totals

    def as_of(self) -> Instant | None:
        """Return the time at which the last of the statements was closed."""
        return self._as_of

    def notes(self) -> Mapping[str, str]:
        """Name the tenants whose period is not closed."""
        return self.closed.notes()

    def _add(self, statement: Statement) -> None:
        self._totals[statement.currency] += statement.total
        self._as_of = max(statement.closed, self._as_of or 0)
