"""Deliver scheduled reports; the manifests that exist decide what is due, not timer ticks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.app.exports.deliver_exports import LEFT_OUT, DeliverExports, Report
from metering.app.exports.open_periods import OpenPeriods
from metering.app.exports.provisional_exports import ProvisionalExports
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError, MeteringError
from metering.core.basics.instants import Instant
from metering.core.exports.delivery_manifest import Format, Manifest, Window
from metering.core.exports.windows import DELAY, LOOK_BACK, SETTING, Scheduled, windows_ended
from metering.ports import Alerts, Clock, LedgerStore, TableFormat


class ScheduledReport(NamedTuple):
    """Makes a report of one tenant, or of all with None, for a window."""

    make: Callable[[Window, str | None], Report]
    again: int = 1
    """Earlier windows delivered again with a new one, to include late usage."""
    provisional: Callable[[Window, str | None], Report] | None = None
    """Makes the report of a period that is not closed; None if it has none."""


@dataclass(slots=True, kw_only=True)
class ScheduledExports:
    """The use case behind the timer `deliver_exports`."""

    exports: DeliverExports
    provisional: ProvisionalExports
    open_periods: OpenPeriods
    ledgers: LedgerStore
    tenancy: Tenancy
    reports: Mapping[str, ScheduledReport]
    schedule: Sequence[Scheduled]
    clock: Clock
    alerts: Alerts
    table_format: Callable[[Format], TableFormat]
    _there: set[tuple[Scheduled, str]] = field(init=False, default_factory=set)

    async def run(self) -> int:
        """Deliver the reports that are due, and return the number of deliveries.

        A window is due if it ended some time ago and has no manifest. Earlier windows are delivered
        again before it, so that after a crash the next run starts with them. Safe to repeat. A
        failure raises an alert and is retried by the next run; other reports continue.
        """
        made = 0
        for scheduled in self.schedule:
            try:
                made += await self._deliver(scheduled)
            except MeteringError as fault:
                self.alerts.alert(f"export {scheduled}: {fault}", "export")
        return made

    async def _deliver(self, scheduled: Scheduled) -> int:
        """Deliver a report for the windows that are due; ConfigurationError: unknown tenant."""
        kind, tenant, form = scheduled.kind, scheduled.tenant, scheduled.format
        starts = [ledger.start for ledger in await self.ledgers.ledgers(tenant)]
        if not starts:
            await self._must_know(tenant)
            return 0
        if scheduled.is_provisional:
            return await self._replace(scheduled)
        due = await self._due(scheduled, min(starts))
        for window in due:
            report = self.reports[kind].make(window, tenant)
            manifest = await self.exports.deliver(report, form=self.table_format(form))
            if LEFT_OUT not in manifest.notes:
                self._there.add((scheduled, window.name))
                continue
            # Without a complete manifest, the next run delivers it again.
            self._tell(scheduled, window, manifest)
        return len(due)

    async def _replace(self, scheduled: Scheduled) -> int:
        """Replace the provisional deliveries, if a window has ended since they were begun.

        Periods that have ended come before those that run, so that after a crash the next run finds
        the latter still due. Deliveries of closed periods are removed.
        """
        kind, every, tenant, form, _ = scheduled
        make = self.reports[kind].provisional
        (latest,) = windows_ended(every, self.clock.now() - DELAY, 1)
        if make is None or (scheduled, latest.name) in self._there:
            return 0
        due = latest.span[1] + DELAY if latest.span else 0
        await self.tenancy.refresh()
        running = self.open_periods.running(tenant)
        times = [await self.provisional.begun(kind, tenant, one, form) for one in running]
        made = 0
        if not times or any(begun is None or begun < due for begun in times):
            windows = [*await self.open_periods.ended(tenant), *running]
            await self.provisional.keep_only(kind, tenant, form, windows)
            for window in windows:
                made += await self._replace_one(scheduled, make(window, tenant))
            if made < len(windows):
                return made
        self._there.add((scheduled, latest.name))
        return made

    async def _replace_one(self, scheduled: Scheduled, report: Report) -> int:
        form = self.table_format(scheduled.format)
        try:
            manifest = await self.provisional.deliver(report, form=form)
        except MeteringError as fault:
            self.alerts.alert(f"export {scheduled}, {report.window.name}: {fault}", "export")
            return 0
        self._tell(scheduled, report.window, manifest)
        return 1

    def _tell(self, scheduled: Scheduled, window: Window, manifest: Manifest) -> None:
        if LEFT_OUT in manifest.notes:
            about = f"export {scheduled}, {window.name}"
            self.alerts.alert(f"{about}: left out: {manifest.notes[LEFT_OUT]}", "export")

    async def _must_know(self, tenant: str | None) -> None:
        """Raise ConfigurationError for a tenant that nobody knows."""
        if tenant is None:
            return
        await self.tenancy.refresh()
        if tenant not in self.tenancy.directory.tenants():
            raise ConfigurationError(
                f"{SETTING}: unknown tenant {tenant!r}: see `metering tenants list`"
            )

    async def _due(self, scheduled: Scheduled, first: Instant) -> list[Window]:
        """Return the windows to deliver, the earliest first; none before the first usage."""
        every = scheduled.every
        latest = self.clock.now() - DELAY
        ended = [
            window
            for window in windows_ended(every, latest, LOOK_BACK[every])
            if window.span is not None and window.span[1] > first
        ]
        due: set[int] = set()
        for position, window in enumerate(ended):
            if not await self._is_there(scheduled, window):
                again = self.reports[scheduled.kind].again
                due.update(range(max(0, position - again), position + 1))
        return [ended[position] for position in sorted(due)]

    async def _is_there(self, scheduled: Scheduled, window: Window) -> bool:
        if (scheduled, window.name) not in self._there:
            kind, _, tenant, form, _ = scheduled
            found = await self.exports.manifest_of(kind, tenant, window, form)
            if found is None:
                return False
            self._there.add((scheduled, window.name))
        return True
