"""Deliver what is due by schedule, as what is there says and not as ticks do."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from metering.app.exports.deliver_exports import DeliverExports, Report
from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import Instant
from metering.core.exports.delivery_manifest import Window
from metering.core.exports.windows import DELAY, LOOK_BACK, Scheduled, windows_ended
from metering.ports import Alerts, Clock, LedgerStore


class ScheduledReport(NamedTuple):
    """How a report is made for a window, all tenants in it."""

    make: Callable[[Window], Report]
    again: int = 1
    """Windows before a new one that are delivered again with it, for usage that came late."""


class ScheduledExports:
    """The use case behind the timer `deliver_exports`."""

    def __init__(
        self,
        *,
        exports: DeliverExports,
        ledgers: LedgerStore,
        reports: Mapping[str, ScheduledReport],
        schedule: Sequence[Scheduled],
        clock: Clock,
        alerts: Alerts,
    ) -> None:
        self._exports = exports
        self._ledgers = ledgers
        self._reports = reports
        self._schedule = schedule
        self._clock = clock
        self._alerts = alerts
        self._there: set[tuple[str, str]] = set()

    async def run(self) -> int:
        """Deliver what is due, and return how many deliveries were made.

        A window is due once it has ended, a while has passed and it has no manifest; those before
        it are delivered again first, so that a crash in between begins with them once more. Safe
        to repeat. What fails is alerted, and tried again by the next run; the other reports go on.
        """
        made = 0
        if not self._schedule:
            return made
        starts = [ledger.start for ledger in await self._ledgers.ledgers()]
        for scheduled in self._schedule if starts else ():
            try:
                for window in await self._due(scheduled, min(starts)):
                    await self._exports.deliver(self._reports[scheduled.kind].make(window))
                    self._there.add((scheduled.kind, window.name))
                    made += 1
            except MeteringError as fault:
                self._alerts.alert(f"export {scheduled.kind}, {scheduled.every}: {fault}")
        return made

    async def _due(self, scheduled: Scheduled, first: Instant) -> list[Window]:
        """Return the windows to deliver, the earliest first; none before any usage."""
        kind, every = scheduled
        latest = self._clock.now() - DELAY
        ended = [
            window
            for window in windows_ended(every, latest, LOOK_BACK[every])
            if window.span is not None and window.span[1] > first
        ]
        due: set[int] = set()
        for position, window in enumerate(ended):
            if not await self._is_there(kind, window):
                due.update(range(max(0, position - self._reports[kind].again), position + 1))
        return [ended[position] for position in sorted(due)]

    async def _is_there(self, kind: str, window: Window) -> bool:
        if (kind, window.name) not in self._there:
            if await self._exports.manifest_of(kind, None, window) is None:
                return False
            self._there.add((kind, window.name))
        return True
