"""Admission, with its verdicts counted and timed."""

from time import perf_counter

from metering.app.admission import Admission
from metering.core.admission import NOTHING, Admitted
from metering.core.decision import Asked
from metering.core.errors import RejectedEvent
from metering.ports import Telemetry


class ObservedAdmission:
    """The use case `Admission`, watched."""

    def __init__(self, admission: Admission, telemetry: Telemetry) -> None:
        self._admission = admission
        self._telemetry = telemetry

    async def of(self, subscription: str, about: Asked = NOTHING) -> Admitted:
        """Return the verdicts for a subscription, with the errors of `Admission.of`."""
        began = perf_counter()
        verdict = "unavailable"
        try:
            found = await self._admission.of(subscription, about)
            verdict = found.of(about.model).verdict
        except RejectedEvent:
            verdict = "unknown"
            raise
        else:
            return found
        finally:
            self._telemetry.add("metering.admission.verdicts", 1, {"verdict": str(verdict)})
            taken = (perf_counter() - began) * 1_000
            self._telemetry.record("metering.admission.latency_ms", taken)
