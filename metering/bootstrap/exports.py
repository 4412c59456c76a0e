"""Export stores and reports: what `metering export` and the timer deliver, and where."""

from collections.abc import Awaitable, Callable, Mapping

from metering.adapters.export_folder import ExportFolder
from metering.app.chargeback import CHARGEBACK, ChargebackReport, Scope
from metering.app.deliver_exports import DeliverExports
from metering.app.scheduled_exports import ScheduledExports, ScheduledReport
from metering.app.tenancy import Tenancy
from metering.core.export_windows import Scheduled, read_schedule
from metering.export_settings import ExportsContainer, ExportsFolder
from metering.ports import Alerts, Clock, ExportStore, LedgerStore


def export_store(
    place: ExportsFolder | ExportsContainer, closing: list[Callable[[], Awaitable[None]]]
) -> ExportStore:
    """Return a place for exports behind its port; `closing` gets what lets it go."""
    if isinstance(place, ExportsFolder):
        return ExportFolder(place.path)
    # The SDK takes a while to import: only those who use it wait for it.
    from metering.adapters.blob_exports import BlobExports  # noqa: PLC0415

    store = BlobExports(place.url, emulator=place.is_emulator)
    closing.append(store.close)
    return store


def scheduled_reports(ledgers: LedgerStore, tenancy: Tenancy) -> Mapping[str, ScheduledReport]:
    """Return the reports that a schedule may name: a further one is a line here."""
    return {
        CHARGEBACK: ScheduledReport(
            lambda window: ChargebackReport(ledgers, tenancy, Scope(window))
        ),
    }


def scheduled_exports(
    exports: DeliverExports,
    ledgers: LedgerStore,
    tenancy: Tenancy,
    clock: Clock,
    alerts: Alerts,
    schedule: str,
) -> ScheduledExports:
    """Return what delivers by schedule; ConfigurationError for a schedule that is none."""
    reports = scheduled_reports(ledgers, tenancy)
    read: tuple[Scheduled, ...] = read_schedule(schedule, reports)
    return ScheduledExports(
        exports=exports,
        ledgers=ledgers,
        reports=reports,
        schedule=read,
        clock=clock,
        alerts=alerts,
    )
