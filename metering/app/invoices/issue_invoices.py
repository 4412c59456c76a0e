"""Issue documents for statements, void and reissue them, one number after another.

A number is taken by one write, and only after the one before it is known to exist, so that no crash
and no second process leaves a gap. A document's subject is taken by the same write, so that nothing
is issued twice: whoever loses a race reads again and goes on.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import (
    ConfigurationError,
    InvariantBroken,
    LedgerLagError,
    RetryableError,
)
from metering.core.basics.instants import Instant
from metering.core.billing.statement import Statement
from metering.core.invoices import issuing
from metering.core.invoices.invoice import Invoice, Terms, number_of
from metering.core.invoices.invoice_document import sealed
from metering.core.invoices.issuing import Change, New, Place
from metering.core.ledger.page import GENESIS
from metering.core.tenancy.customers import Customer
from metering.ports import Alerts, Clock, InvoiceStore, StatementStore

#: Races lost in a row on one number before the change is left to the next run.
_MAX_RACES: Final = 50

type _Make = Callable[[Sequence[Invoice], Place], Invoice | None]


@dataclass(slots=True, kw_only=True)
class IssueInvoices:
    """The use case behind `metering statements` and the timer `close_periods`."""

    invoices: InvoiceStore
    statements: StatementStore
    tenancy: Tenancy
    clock: Clock
    alerts: Alerts
    series: str
    """Empty: no documents are issued."""
    since: Instant
    """Statements of periods that ended before are left out."""
    terms: Terms
    # By tenant: the statement through which all have documents. It saves a process from asking.
    _issued: dict[str, str] = field(init=False, default_factory=dict)
    _has_caught_up: bool = field(init=False, default=False)
    # By series: the last document that this process has seen.
    _last: dict[str, Invoice] = field(init=False, default_factory=dict)

    async def run(self, tenants: Sequence[str] | None = None) -> AsyncIterator[Invoice]:
        """Issue what is missing, tenant by tenant, the earliest statement first; yield it.

        Safe to repeat, to cut off anywhere and to run twice at once. A tenant whose statements or
        documents cannot be read raises an alert, and the others continue.
        """
        if not self.series:
            return
        await self.tenancy.refresh()
        for tenant in self.tenancy.directory.tenants() if tenants is None else tenants:
            try:
                async for issued in self._tenant(tenant):
                    yield issued
            except (InvariantBroken, LedgerLagError) as fault:
                self.alerts.alert(f"issuing documents of {tenant}: {fault}", "closing")

    async def after_close(self) -> None:
        """Issue what is missing after a close; a failure alerts, for the close itself stands."""
        self._has_caught_up = False
        await self.catch_up()

    async def catch_up(self) -> None:
        """Issue what a crash left without documents: once in a process, and after a failure."""
        if self._has_caught_up:
            return
        try:
            async for _ in self.run():
                pass
            self._has_caught_up = True
        except RetryableError as fault:
            self.alerts.alert(f"issuing documents: {fault}", "closing")

    async def _tenant(self, tenant: str) -> AsyncIterator[Invoice]:
        latest = await self.statements.latest_statement(tenant)
        if latest is None or self._issued.get(tenant) == latest.hash:
            return
        async for statement in self.statements.statements(tenant):
            if statement.period.end < self.since:
                continue
            while (issued := await self._next_of(statement)) is not None:
                yield issued
        self._issued[tenant] = latest.hash

    async def _next_of(self, statement: Statement) -> Invoice | None:
        """Issue the next missing document of a statement; None if it has all."""
        tenant = statement.ledger.tenant
        customer, now = self._customer(tenant), self.clock.now()

        def make(have: Sequence[Invoice], place: Place) -> Invoice | None:
            missing = issuing.missing_parts(statement, have)
            if not missing:
                return None
            return issuing.issue(statement, missing[0], have, New(place, customer, self.terms, now))

        return await self._put(tenant, make)

    async def void(self, number: str, change: Change) -> Invoice:
        """Take a document back by a void that refers to it."""
        of = await self.get(number)
        now = self.clock.now()
        made = await self._put(
            of.ledger.tenant, lambda have, place: issuing.void(of, have, place, change, now)
        )
        assert made is not None
        return made

    async def reissue(self, number: str, change: Change) -> Invoice:
        """Replace a voided document; `number` is that of the void."""
        of = await self.get(number)
        statement = await self.statements.read_statement(of.ledger)
        if statement is None or statement.hash != of.statement_hash:
            raise InvariantBroken(f"document {number}: its statement {of.ledger} is not there")
        await self.tenancy.refresh()
        customer, now = self._customer(of.ledger.tenant), self.clock.now()
        made = await self._put(
            of.ledger.tenant,
            lambda have, place: issuing.reissue(
                of, statement, have, New(place, customer, self.terms, now), change
            ),
        )
        assert made is not None
        return made

    async def get(self, number: str) -> Invoice:
        """Return a document by its number; ConfigurationError for an unknown one."""
        found = await self.invoices.read_invoice(number)
        if found is None:
            raise ConfigurationError(f"unknown document {number!r}: see `metering statements list`")
        return found

    async def of(self, tenant: str) -> list[Invoice]:
        """Return the documents of a tenant in order."""
        return [one async for one in self.invoices.invoices(tenant)]

    def _customer(self, tenant: str) -> Customer:
        """Return the details of a tenant for paper, on which no recipients of a digest are."""
        found = self.tenancy.directory.customers.of(tenant)
        return found.model_copy(update={"recipients": ()})

    async def _put(self, tenant: str, make: _Make) -> Invoice | None:
        """Write what `make` makes of the tenant's documents and the next free number."""
        self.must_have_series()
        for _ in range(_MAX_RACES):
            have = await self.of(tenant)
            drafted = make(have, await self._place())
            if drafted is None:
                return None
            made = sealed(drafted)
            if await self.invoices.put_invoice(made):
                self._last[self.series] = made
                return made
        raise RetryableError(f"documents {self.series}: other processes keep taking the number")

    def must_have_series(self) -> None:
        """Raise ConfigurationError where no series is set."""
        if not self.series:
            raise ConfigurationError(
                "METERING_INVOICE_SERIES: is not set: documents need the beginning of their numbers"
            )

    async def _place(self) -> Place:
        """Return the next free number: a query may lag, so it is followed by point reads."""
        last = self._last.get(self.series) or await self.invoices.latest_invoice(self.series)
        while True:
            sequence = last.sequence + 1 if last else 1
            number = number_of(self.series, sequence)
            following = await self.invoices.read_invoice(number)
            if following is None:
                return Place(self.series, sequence, last.hash if last else GENESIS)
            last = self._last[self.series] = following
