"""The statements that an export is about: of each tenant those of one period."""

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

from metering.app.exports.export_selection import must_be_a_name
from metering.app.tenancy.tenancy import Tenancy
from metering.core.billing.statement import Statement
from metering.core.exports.delivery_manifest import Window
from metering.ports import StatementStore


class Closed(NamedTuple):
    """A statement, and the tenant's statement before it."""

    statement: Statement
    before: Statement | None


class ClosedPeriods:
    """Finds statements, tenant by tenant, and remembers who had none.

    By name: of each tenant the period of that name. By span: what was closed within it, so that of
    spans which follow each other each statement is in exactly one, however late it was closed.
    """

    def __init__(
        self,
        statements: StatementStore,
        tenancy: Tenancy,
        window: Window,
        tenant: str | None = None,
    ) -> None:
        self.window = window
        self.tenant = tenant
        self._statements = statements
        self._tenancy = tenancy
        self._not_closed: list[str] = []

    async def closed(self) -> AsyncIterator[Closed]:
        """Yield the statements by tenant and period; ConfigurationError for a name of no period."""
        await self._tenancy.refresh()
        self._not_closed.clear()
        found = False
        for tenant in self._tenancy.directory.tenants() if self.tenant is None else [self.tenant]:
            is_closed = False
            async for one in self._of(tenant):
                found = is_closed = True
                yield one
            if not is_closed and self.window.span is None:
                self._not_closed.append(tenant)
        if not found and self.window.span is None:
            must_be_a_name(self.window.name, "no tenant has a closed one")

    def notes(self) -> Mapping[str, str]:
        """Name the tenants whose period of the window's name is not closed."""
        return {"not_closed": ", ".join(self._not_closed)} if self._not_closed else {}

    async def _of(self, tenant: str) -> AsyncIterator[Closed]:
        before: Statement | None = None
        async for statement in self._statements.statements(tenant):
            if self._is_meant(statement):
                yield Closed(statement, before)
            before = statement

    def _is_meant(self, statement: Statement) -> bool:
        if self.window.span is None:
            return statement.period.name == self.window.name
        start, end = self.window.span
        return start <= statement.closed < end
