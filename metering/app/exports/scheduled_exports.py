"""Deliver scheduled reports; the manifests that exist decide what is due, not timer ticks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.app.exports.deliver_exports import LEFT_OUT, DeliverExports, Report
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import Instant
from metering.core.exports.delivery_manifest import Window
from metering.core.exports.windows import DELAY, LOOK_BACK, Scheduled, windows_ended
from metering.ports import Alerts, Clock, LedgerStore


class ScheduledReport(NamedTuple):
    """Makes a report of all tenants for a window."""

    make: Callable[[Window], Report]
    again: int = 1
    """Earlier windows delivered again with a new one, to include late usage."""


@dataclass(slots=True, kw_only=True)
class ScheduledExports:
    """The use case behind the timer `deliver_exports`."""

    exports: DeliverExports
    ledgers: LedgerStore
    reports: Mapping[str, ScheduledReport]
    schedule: Sequence[Scheduled]
    clock: Clock
    alerts: Alerts
    _there: set[tuple[str, str]] = field(init=False, default_factory=set)

    async def run(self) -> int:
        """Deliver the reports that are due, and return the number of deliveries.

        A window is due if it ended some time ago and has no manifest. Earlier windows are delivered
        again before it, so that after a crash the next run starts with them. Safe to repeat. A
        failure raises an alert and is retried by the next run; other reports continue.
        """
        made = 0
        if not self.schedule:
            return made
        starts = [ledger.start for ledger in await self.ledgers.ledgers()]
        for scheduled in self.schedule if starts else ():
            try:
                for window in await self._due(scheduled, min(starts)):
                    manifest = await self.exports.deliver(self.reports[scheduled.kind].make(window))
                    made += 1
                    if LEFT_OUT not in manifest.notes:
                        self._there.add((scheduled.kind, window.name))
                        continue
                    # Without a complete manifest, the next run delivers it again.
                    about = f"export {scheduled.kind}, {window.name}"
                    self.alerts.alert(f"{about}: left out: {manifest.notes[LEFT_OUT]}", "export")
            except MeteringError as fault:
                self.alerts.alert(f"export {scheduled.kind}, {scheduled.every}: {fault}", "export")
        return made

    async def _due(self, scheduled: Scheduled, first: Instant) -> list[Window]:
        """Return the windows to deliver, the earliest first; none before the first usage."""
        kind, every = scheduled
        latest = self.clock.now() - DELAY
        ended = [
            window
            for window in windows_ended(every, latest, LOOK_BACK[every])
            if window.span is not None and window.span[1] > first
        ]
        due: set[int] = set()
        for position, window in enumerate(ended):
            if not await self._is_there(kind, window):
                due.update(range(max(0, position - self.reports[kind].again), position + 1))
        return [ended[position] for position in sorted(due)]

    async def _is_there(self, kind: str, window: Window) -> bool:
        if (kind, window.name) not in self._there:
            if await self.exports.manifest_of(kind, None, window) is None:
                return False
            self._there.add((kind, window.name))
        return True
