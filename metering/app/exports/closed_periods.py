"""Selects the statements that an export covers; the part that such exports share."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.billing.draft_chain import DraftChain
from metering.app.exports.export_selection import must_have
from metering.app.ledger.one_by_one import OneByOne
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId
from metering.core.exports.delivery_manifest import PROVISIONAL, Window
from metering.ports import StatementStore

_PROVISIONAL: Final = (
    "rows with x_Provisional are of periods that are not closed: they change with every delivery,"
    " until the statement takes their place"
)


class Closed(NamedTuple):
    """A statement, and the tenant's statement before it."""

    statement: Statement
    before: Statement | None
    is_provisional: bool = False
    """Whether it is a draft of a period that is not closed."""


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
    drafts: DraftChain | None = None
    """Drafts what is not closed, if that is asked for; only in a window by name."""
    one_by_one: OneByOne = field(default_factory=OneByOne)
    _not_closed: list[str] = field(init=False, default_factory=list)
    _has_drafts: bool = field(init=False, default=False)

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
                draft = await self._draft(tenant)
                if draft is not None:
                    found = self._has_drafts = True
                    yield draft
        if not found and self.window.span is None:
            must_have(self.tenancy, self.window.name, self.tenant)

    def notes(self) -> Mapping[str, str]:
        """Name the tenants whose period of the window's name is not closed, and what is lacking."""
        named = {"not_closed": ", ".join(self._not_closed)} if self._not_closed else {}
        if self._has_drafts:
            named[PROVISIONAL] = _PROVISIONAL
        if self.drafts is not None and self.drafts.incomplete:
            named["incomplete"] = ", ".join(sorted(self.drafts.incomplete))
        return named

    async def _draft(self, tenant: str) -> Closed | None:
        """Return the draft of a tenant's open period; None if it has not begun or is broken.

        Periods before it that are not closed either are drafted first, so that none is in another.
        """
        asked = self.tenancy.directory.find_period(tenant, self.window.name)
        if self.drafts is None or asked is None or asked.start > self.tenancy.clock.now():
            return None
        latest = await self.statements.latest_statement(tenant)
        if (await self.drafts.first_open(tenant, latest)).start > asked.start:
            return None
        ledger = LedgerId(tenant, asked.start)
        with self.one_by_one.about(ledger):
            try:
                return Closed(*await self.drafts.up_to(tenant, asked, latest), is_provisional=True)
            except ConfigurationError as fault:
                # Of a tenant with too many open periods; the export is of others too.
                self.one_by_one.left_out[str(ledger)] = fault
        return None

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

    def _add(self, statement: Statement, at: Instant | None = None) -> None:
        """Count a statement; a draft, which was never closed, as of the last of its pages."""
        self._totals[statement.currency] += statement.total
        self._as_of = max(statement.closed if at is None else at, self._as_of or 0)
