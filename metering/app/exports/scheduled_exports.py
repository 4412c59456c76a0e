"""Deliver scheduled reports; the manifests that exist decide what is due, not timer ticks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.app.exports.deliver_exports import LEFT_OUT, DeliverExports, Report
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError, MeteringError
from metering.core.basics.instants import Instant
from metering.core.exports.delivery_manifest import Format, Window
from metering.core.exports.windows import DELAY, LOOK_BACK, SETTING, Scheduled, windows_ended
from metering.ports import Alerts, Clock, LedgerStore, TableFormat


class ScheduledReport(NamedTuple):
    """Makes a report of one tenant, or of all with None, for a window."""

    make: Callable[[Window, str | None], Report]
    again: int = 1
    """Earlier windows delivered again with a new one, to include late usage."""


@dataclass(slots=True, kw_only=True)
class ScheduledExports:
    """The use case behind the timer `deliver_exports`."""

    exports: DeliverExports
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
        kind, _, tenant, form = scheduled
        starts = [ledger.start for ledger in await self.ledgers.ledgers(tenant)]
        if not starts:
            await self._must_know(tenant)
            return 0
        due = await self._due(scheduled, min(starts))
        for window in due:
            report = self.reports[kind].make(window, tenant)
            manifest = await self.exports.deliver(report, form=self.table_format(form))
            if LEFT_OUT not in manifest.notes:
                self._there.add((scheduled, window.name))
                continue
            # Without a complete manifest, the next run delivers it again.
            about = f"export {scheduled}, {window.name}"
            self.alerts.alert(f"{about}: left out: {manifest.notes[LEFT_OUT]}", "export")
        return len(due)

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
            kind, _, tenant, form = scheduled
            found = await self.exports.manifest_of(kind, tenant, window, form)
            if found is None:
                return False
            self._there.add((scheduled, window.name))
        return True
