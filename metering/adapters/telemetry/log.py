"""Alerts and effects as log records, for operators."""

import logging

from metering.core.installation.metrics import Fault
from metering.core.ledger.effect import Effect, describe
from metering.ports import SILENT, Telemetry

_log = logging.getLogger("metering")


class LogAlerts:
    """Implements Alerts: counts alerts and logs them at level CRITICAL."""

    def __init__(self, telemetry: Telemetry = SILENT) -> None:
        self._telemetry = telemetry

    def alert(self, message: str, fault: Fault = "other") -> None:
        """Log an alert and count it under its kind of fault."""
        _log.critical(message, extra={"fault": fault})
        self._telemetry.add("metering.alerts", 1, {"fault": fault})


class LogNotifier:
    """Implements Notifier: logs effects at level WARNING; `effect` is the idempotency key."""

    async def notify(self, effect: Effect) -> None:
        """Log an effect."""
        _log.warning("%s", describe(effect), extra=_about(effect))


def _about(effect: Effect) -> dict[str, str | int]:
    """Return the fields that the log records of an effect and of its commit share."""
    return {"effect": effect.key, "ledger": str(effect.ledger), "page": effect.page}
