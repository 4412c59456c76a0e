"""Close periods by the clock, and alert about those that are overdue."""

from dataclasses import dataclass
from typing import Final

from metering.app.billing.close_periods import ClosePeriods, Waiting
from metering.core.basics.instants import DAY, Instant
from metering.ports import SILENT, Alerts, Clock, Telemetry

#: Hubs normally delay closing by seconds; after a day something is wrong with them.
HUBS_PATIENCE: Final[Instant] = DAY
_MAX_NAMED: Final = 10


@dataclass(slots=True)
class CloseOnTime:
    """The use case behind the timer `close_periods`."""

    closing: ClosePeriods
    clock: Clock
    alerts: Alerts
    telemetry: Telemetry = SILENT

    async def run(self) -> None:
        """Close the periods that are due now; one alert names all that are overdue.

        A run that is cut short reports the overdue periods that it found and nothing of the others:
        only a whole run says that no period is overdue.
        """
        at = self.clock.now()
        closed = waiting = 0
        overdue: list[Waiting] = []
        is_whole = False
        try:
            async for found in self.closing.run(at):
                if not isinstance(found, Waiting):
                    closed += 1
                    continue
                waiting += 1
                if is_overdue(found, at):
                    overdue.append(found)
            is_whole = True
        finally:
            self.telemetry.add("metering.close.closed", closed)
            if is_whole:
                self.telemetry.set("metering.close.waiting", waiting)
            if is_whole or overdue:
                self.telemetry.set("metering.close.overdue", len(overdue))
            if overdue:
                self.alerts.alert(_message(overdue), "overdue")


def is_overdue(waiting: Waiting, at: Instant) -> bool:
    """Return whether a period waits longer than it should."""
    if waiting.uncounted_since is not None:
        return waiting.uncounted_since + HUBS_PATIENCE <= at
    return waiting.until is not None and waiting.until <= at


def _message(overdue: list[Waiting]) -> str:
    named = "; ".join(f"{one.tenant} {one.period}: {one.reason}" for one in overdue[:_MAX_NAMED])
    more = len(overdue) - _MAX_NAMED
    rest = f"; and {more} more" if more > 0 else ""
    return f"close overdue: {named}{rest}"
