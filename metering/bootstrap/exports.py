"""Export stores and reports: what `metering export` and the timer deliver, and where."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from metering.adapters.exports.export_folder import ExportFolder
from metering.app.allocation.accruals import Accruals
from metering.app.billing.draft_chain import DraftChain
from metering.app.billing.draft_statements import DraftStatements
from metering.app.costs.costs import Costs
from metering.app.exports.chargeback import CHARGEBACK, ChargebackReport, Scope
from metering.app.exports.closed_periods import ClosedPeriods
from metering.app.exports.cost_export import BY_DEFAULT, COSTS, CostExport
from metering.app.exports.csv_format import CSV
from metering.app.exports.deliver_exports import DeliverExports, Progress, Report, no_progress
from metering.app.exports.focus_export import FOCUS, FocusExport
from metering.app.exports.open_periods import OpenPeriods
from metering.app.exports.provisional_exports import ProvisionalExports
from metering.app.exports.scheduled_exports import ScheduledExports, ScheduledReport
from metering.app.exports.statement_export import (
    STATEMENT,
    STATEMENT_PDF,
    Papers,
    StatementExport,
    StatementPdfExport,
)
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import Days, day_at
from metering.core.costs.query import CostQuery, cost_query
from metering.core.exports.delivery_manifest import Format, Window
from metering.core.exports.windows import SETTING, Scheduled, read_schedule
from metering.ports import (
    Alerts,
    Clock,
    ExportStore,
    InvoiceStore,
    LedgerStore,
    StatementStore,
    TableFormat,
)
from metering.settings.exports import ExportsContainer, ExportsFolder


def export_store(
    place: ExportsFolder | ExportsContainer,
    closing: list[Callable[[], Awaitable[None]]],
    setting: str = "METERING_EXPORTS",
) -> ExportStore:
    """Return a place for files behind its port; `closing` gets what lets it go.

    `setting` is what names the place, for errors.
    """
    if isinstance(place, ExportsFolder):
        return ExportFolder(place.path)
    # The SDK takes a while to import: only those who use it wait for it.
    from metering.adapters.exports.blob_exports import BlobExports

    store = BlobExports(place.url, setting, emulator=place.is_emulator)
    closing.append(store.close)
    return store


def table_format(name: Format) -> TableFormat:
    """Return a format of tables. ConfigurationError if what writes it is not installed."""
    if name == CSV.name:
        return CSV
    try:
        # Much to load, and an extra: only those who use it need it.
        from metering.adapters.exports.parquet_format import ParquetFormat
    except ImportError as error:
        raise ConfigurationError(
            f"Parquet needs the extra `parquet` ({error}): pip install 'metering[parquet]', or, for"
            " the function app, `make package EXTRAS=parquet`"
        ) from None
    return ParquetFormat()


class Reports(NamedTuple):
    """Builds reports from their sources."""

    ledgers: LedgerStore
    statements: StatementStore
    tenancy: Tenancy
    issuer: str
    invoices: InvoiceStore
    papers: Callable[[], Papers]
    """Returns what renders PDFs, imported then."""
    costs_of: Callable[[], Costs]
    drafts: DraftStatements
    accruals: Accruals

    def chargeback(self, scope: Scope, progress: Progress = no_progress) -> Report:
        """Return the chargeback report, by product or another dimension."""
        return ChargebackReport(self.ledgers, self.tenancy, scope, progress)

    def focus(
        self,
        window: Window,
        tenant: str | None = None,
        progress: Progress = no_progress,
        *,
        provisional: bool = False,
    ) -> Report:
        """Return the FOCUS report of closed periods; `provisional` drafts those that are open."""
        drafts = DraftChain(self.drafts, self.accruals) if provisional else None
        closed = ClosedPeriods(self.statements, self.tenancy, window, tenant, drafts)
        return FocusExport(closed, self.ledgers, self.tenancy, self.issuer, progress)

    def costs(self, window: Window, query: CostQuery) -> Report:
        """Return the costs of all tenants."""
        return CostExport(self.costs_of(), query, window)

    def costs_of_window(self, window: Window, tenant: str | None = None) -> Report:
        """Return the costs of all tenants, or of one, in a span of whole days."""
        start, end = window.span or (0, 0)
        only = () if tenant is None else (("tenant", tenant),)
        days = Days(day_at(start), day_at(end - 1 + DAY))
        return CostExport(self.costs_of(), cost_query(days, BY_DEFAULT, only), window, tenant)

    def statement(
        self, window: Window, tenant: str | None = None, progress: Progress = no_progress
    ) -> Report:
        """Return the statements of closed periods as JSON, CSV and pages to print."""
        # The template engine takes a while to import: only those who use it wait for it.
        from metering.adapters.exports.statement_page import statement_page

        closed = ClosedPeriods(self.statements, self.tenancy, window, tenant)
        return StatementExport(closed, statement_page, progress)

    def statement_pdf(
        self, window: Window, tenant: str | None = None, progress: Progress = no_progress
    ) -> Report:
        """Return the statements and documents of closed periods as PDF."""
        closed = ClosedPeriods(self.statements, self.tenancy, window, tenant)
        return StatementPdfExport(closed, self.papers(), self.invoices, progress)


def scheduled_reports(reports: Reports) -> Mapping[str, ScheduledReport]:
    """Return the reports that a schedule may name: a further one is a line here."""
    return {
        CHARGEBACK: ScheduledReport(
            lambda window, tenant: reports.chargeback(Scope(window, tenant, by_arrival=True)),
            again=0,
            provisional=lambda window, tenant: reports.chargeback(Scope(window, tenant)),
        ),
        FOCUS: ScheduledReport(
            reports.focus,
            provisional=lambda window, tenant: reports.focus(window, tenant, provisional=True),
        ),
        STATEMENT: ScheduledReport(reports.statement),
        STATEMENT_PDF: ScheduledReport(reports.statement_pdf),
        COSTS: ScheduledReport(reports.costs_of_window),
    }


def scheduled_exports(
    exports: DeliverExports, reports: Reports, clock: Clock, alerts: Alerts, schedule: str
) -> ScheduledExports:
    """Return the scheduled exporter. Raises ConfigurationError if the schedule is malformed."""
    named = scheduled_reports(reports)
    read: tuple[Scheduled, ...] = read_schedule(schedule, named)
    for one in read:
        if one.kind in {STATEMENT, STATEMENT_PDF} and one.format != CSV.name:
            raise ConfigurationError(f"{SETTING}: '{one}': statements are not in {one.format}")
        if one.is_provisional and named[one.kind].provisional is None:
            having = ", ".join(sorted(kind for kind in named if named[kind].provisional))
            raise ConfigurationError(f"{SETTING}: '{one}': provisional are {having} alone")
    if any(one.kind == COSTS and one.every == "hourly" for one in read):
        raise ConfigurationError(f"{SETTING}: {COSTS}=hourly: costs are of whole UTC days")
    return ScheduledExports(
        exports=exports,
        provisional=ProvisionalExports(exports, clock),
        open_periods=OpenPeriods(reports.statements, reports.tenancy, clock),
        ledgers=reports.ledgers,
        tenancy=reports.tenancy,
        reports=named,
        schedule=read,
        clock=clock,
        alerts=alerts,
        table_format=table_format,
    )
