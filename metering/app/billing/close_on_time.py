"""Close periods by the clock, and tell of those that should have been closed by now."""

from typing import Final

from metering.app.billing.close_periods import ClosePeriods, Waiting
from metering.core.basics.instants import DAY, Instant
from metering.ports import SILENT, Alerts, Clock, Telemetry

#: What the hubs hold back is a matter of seconds; after a day something is wrong with them.
HUBS_PATIENCE: Final[Instant] = DAY
_MOST_TOLD: Final = 10


class CloseOnTime:
    """The use case behind the timer `close_periods`."""

    def __init__(
        self, closing: ClosePeriods, clock: Clock, alerts: Alerts, telemetry: Telemetry = SILENT
    ) -> None:
        self._closing = closing
        self._clock = clock
        self._alerts = alerts
        self._telemetry = telemetry

    async def run(self) -> None:
        """Close what is due now; one alert tells of all periods that are overdue.

        Also when it is cut short: the next run goes on, and this one has told what it saw.
        """
        at = self._clock.now()
        closed = waiting = 0
        overdue: list[Waiting] = []
        try:
            async for found in self._closing.run(at):
                if not isinstance(found, Waiting):
                    closed += 1
                    continue
                waiting += 1
                if _is_overdue(found, at):
                    overdue.append(found)
        finally:
            self._telemetry.add("metering.close.closed", closed)
            self._telemetry.set("metering.close.waiting", waiting)
            self._telemetry.set("metering.close.overdue", len(overdue))
            if overdue:
                self._alerts.alert(_message(overdue))


def _is_overdue(waiting: Waiting, at: Instant) -> bool:
    if waiting.uncounted_since is not None:
        return waiting.uncounted_since + HUBS_PATIENCE <= at
    return waiting.until is not None and waiting.until <= at


def _message(overdue: list[Waiting]) -> str:
    told = "; ".join(f"{one.tenant} {one.period}: {one.reason}" for one in overdue[:_MOST_TOLD])
    more = len(overdue) - _MOST_TOLD
    rest = f"; and {more} more" if more > 0 else ""
    return f"not closed though it is time: {told}{rest}"
