"""Wires closing, statements, exports and reconciliation."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from metering.app.allocation.allocate import Allocate
from metering.app.billing.close_on_request import CloseOnRequest
from metering.app.billing.close_on_time import CloseOnTime
from metering.app.billing.close_periods import ClosePeriods, Patience
from metering.app.billing.draft_statements import DraftStatements
from metering.app.billing.statements import Statements
from metering.app.exports.deliver_exports import DeliverExports
from metering.app.exports.provisional_exports import ProvisionalExports
from metering.app.exports.scheduled_exports import ScheduledExports
from metering.app.prices.what_if import AskWhatIf
from metering.app.reconciliation.platform_estimate import PlatformEstimate
from metering.app.reconciliation.reconcile import Reconcile
from metering.app.reconciliation.reconcile_logs import ReconcileLogs
from metering.bootstrap.base import Base
from metering.bootstrap.exports import Reports, export_store, scheduled_exports
from metering.settings.exports import ExportsFolder

if TYPE_CHECKING:
    from metering.bootstrap.invoices import Invoices


class Billing:
    """The use cases of one process for finance."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def what_if(self) -> AskWhatIf:
        """Price usage under other terms, without writing anything."""
        return AskWhatIf(
            self._base.ledgers, self._base.tenancy, self._base.clock, self._base.accruals
        )

    @cached_property
    def _drafts(self) -> DraftStatements:
        return DraftStatements(
            ledgers=self._base.ledgers,
            statements=self._base.stores.statements,
            accounts=self._base.stores.accounts,
            tenancy=self._base.tenancy,
        )

    @cached_property
    def close_periods(self) -> ClosePeriods:
        """Close what is due."""
        return ClosePeriods(
            ledgers=self._base.ledgers,
            statements=self._base.stores.statements,
            accounts=self._base.stores.accounts,
            tenancy=self._base.tenancy,
            drafts=self._drafts,
            allocate=self.allocate,
            progress=self._base.hub_progress,
            alerts=self._base.alerts,
            patience=Patience(self._base.settings.close_grace, self._base.settings.close_wait),
            after_close=self._after_close,
        )

    async def _after_close(self) -> None:
        """Issue documents for what was closed, then anchor it; both are built with it."""
        if self._base.settings.invoicing.series:
            await self.invoices.issue.after_close()
        await self._base.anchors.write_after_close()

    async def issue_documents(self) -> None:
        """Issue the documents that a crash left out; nothing without a series."""
        if self._base.settings.invoicing.series:
            await self.invoices.issue.catch_up()

    @cached_property
    def close_on_request(self) -> CloseOnRequest:
        """Close what somebody asks to be closed."""
        return CloseOnRequest(self.close_periods, self._base.tenancy, self._base.clock)

    @cached_property
    def close_on_time(self) -> CloseOnTime:
        """Close what is due by the clock, and alert about overdue periods."""
        return CloseOnTime(
            self.close_periods, self._base.clock, self._base.alerts, self._base.telemetry
        )

    @cached_property
    def statements(self) -> Statements:
        """Statements, before and after they are due."""
        return Statements(
            self._base.stores.statements,
            self._drafts,
            self._base.stores.allocations,
            self._base.tenancy,
            self._base.accruals,
        )

    @cached_property
    def invoices(self) -> "Invoices":
        """Invoices, credit notes, voids and reissues."""
        from metering.bootstrap.invoices import Invoices

        return Invoices(self._base)

    @cached_property
    def allocate(self) -> Allocate:
        """Divide the cost of provisioned capacity among its tenants."""
        return Allocate(self._base.ledgers, self._base.stores.allocations, self._base.tenancy)

    @cached_property
    def reconcile(self) -> Reconcile:
        """Compare Azure's bill with the ledgers."""
        return Reconcile(self._base.ledgers, self._base.tenancy)

    @cached_property
    def platform_estimate(self) -> PlatformEstimate:
        """Compare aggregates with the platform's own estimate."""
        return PlatformEstimate(
            ledgers=self._base.ledgers,
            aggregates=self._base.stores.aggregates,
            tenancy=self._base.tenancy,
        )

    @cached_property
    def reconcile_logs(self) -> ReconcileLogs:
        """Compare the gateway's logs with the ledgers."""
        return ReconcileLogs(
            ledgers=self._base.ledgers,
            register=self._base.register,
            tenancy=self._base.tenancy,
            clock=self._base.clock,
        )

    @cached_property
    def exports(self) -> DeliverExports:
        """Deliver reports to METERING_EXPORTS."""
        return DeliverExports(export_store(self._base.settings.exports, self._base.closing))

    def exports_to(self, folder: Path) -> DeliverExports:
        """Deliver reports right into a folder."""
        return DeliverExports(export_store(ExportsFolder(folder), self._base.closing), flat=True)

    @cached_property
    def reports(self) -> Reports:
        """Make reports."""
        return Reports(
            self._base.ledgers,
            self._base.stores.statements,
            self._base.tenancy,
            self._base.settings.issuer,
            self._base.stores.invoices,
            lambda: self.invoices.papers,
            lambda: self._base.costs,
            self._drafts,
            self._base.accruals,
        )

    @cached_property
    def provisional_exports(self) -> ProvisionalExports:
        """Replace provisional deliveries at METERING_EXPORTS."""
        return ProvisionalExports(self.exports, self._base.clock)

    @cached_property
    def scheduled_exports(self) -> ScheduledExports:
        """Deliver the exports that METERING_EXPORT_SCHEDULE schedules."""
        return scheduled_exports(
            self.exports,
            self.reports,
            self._base.clock,
            self._base.alerts,
            self._base.settings.export_schedule,
        )
