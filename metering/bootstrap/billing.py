"""What comes after usage: closing, statements, exports, reconciliation, over the same adapters."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from metering.app.allocation.allocate import ShareOut
from metering.app.billing.close_on_time import CloseOnTime
from metering.app.billing.close_periods import ClosePeriods, Patience
from metering.app.billing.draft_statements import DraftStatements
from metering.app.billing.statements import Statements
from metering.app.exports.deliver_exports import DeliverExports
from metering.app.exports.scheduled_exports import ScheduledExports
from metering.app.prices.what_if import AskWhatIf
from metering.app.reconciliation.reconcile import Reconcile
from metering.app.reconciliation.reconcile_logs import ReconcileLogs
from metering.bootstrap.exports import Reports, export_store, scheduled_exports
from metering.settings.exports import ExportsFolder

if TYPE_CHECKING:
    from metering.bootstrap.app import App


class Billing:
    """The use cases of one process for finance."""

    def __init__(self, app: "App") -> None:
        self._app = app

    @cached_property
    def what_if(self) -> AskWhatIf:
        """Price usage under other terms, without writing anything."""
        return AskWhatIf(self._app.ledgers, self._app.tenancy, self._app.clock)

    @cached_property
    def _drafts(self) -> DraftStatements:
        return DraftStatements(
            ledgers=self._app.ledgers, accounts=self._app.stores.accounts, tenancy=self._app.tenancy
        )

    @cached_property
    def close_periods(self) -> ClosePeriods:
        """Close what is due."""
        return ClosePeriods(
            ledgers=self._app.ledgers,
            statements=self._app.stores.statements,
            accounts=self._app.stores.accounts,
            tenancy=self._app.tenancy,
            drafts=self._drafts,
            share_out=self.share_out,
            progress=self._app.hub_progress,
            alerts=self._app.alerts,
            patience=Patience(self._app.settings.close_grace, self._app.settings.close_wait),
        )

    @cached_property
    def close_on_time(self) -> CloseOnTime:
        """Close what is due by the clock, and tell of what is overdue."""
        return CloseOnTime(
            self.close_periods, self._app.clock, self._app.alerts, self._app.telemetry
        )

    @cached_property
    def statements(self) -> Statements:
        """Statements, before and after they are due."""
        return Statements(
            self._app.stores.statements, self._drafts, self._app.stores.sharings, self._app.tenancy
        )

    @cached_property
    def share_out(self) -> ShareOut:
        """Divide the cost of provisioned capacity among its tenants."""
        return ShareOut(self._app.ledgers, self._app.stores.sharings, self._app.tenancy)

    @cached_property
    def reconcile(self) -> Reconcile:
        """Compare what was billed with the ledgers."""
        return Reconcile(self._app.ledgers, self._app.tenancy)

    @cached_property
    def reconcile_logs(self) -> ReconcileLogs:
        """Compare the gateway's logs with the ledgers."""
        return ReconcileLogs(
            ledgers=self._app.ledgers,
            pending=self._app.stores.pending,
            tenancy=self._app.tenancy,
            clock=self._app.clock,
        )

    @cached_property
    def exports(self) -> DeliverExports:
        """Deliver reports to METERING_EXPORTS."""
        return DeliverExports(export_store(self._app.settings.exports, self._app.closing))

    def exports_to(self, folder: Path) -> DeliverExports:
        """Deliver reports right into a folder."""
        return DeliverExports(export_store(ExportsFolder(folder), self._app.closing), flat=True)

    @cached_property
    def reports(self) -> Reports:
        """Make reports."""
        return Reports(
            self._app.ledgers,
            self._app.stores.statements,
            self._app.tenancy,
            self._app.settings.issuer,
        )

    @cached_property
    def scheduled_exports(self) -> ScheduledExports:
        """Deliver what METERING_EXPORT_SCHEDULE says is due."""
        return scheduled_exports(
            self.exports,
            self.reports,
            self._app.clock,
            self._app.alerts,
            self._app.settings.export_schedule,
        )
