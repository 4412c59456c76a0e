"""Telemetry: what operators must see, as log records."""

import logging

from metering.core.ledger.effect import Effect, describe
from metering.ports import SILENT, Telemetry

_log = logging.getLogger("metering")


class LogAlerts:
    """Alerts as log records of level CRITICAL, counted."""

    def __init__(self, telemetry: Telemetry = SILENT) -> None:
        self._telemetry = telemetry

    def alert(self, message: str) -> None:
        """Tell it."""
        _log.critical(message)
        self._telemetry.add("metering.alerts", 1)


class LogNotifier:
    """Effects as log records of level WARNING, a line each; `effect` is the idempotency key."""

    async def notify(self, effect: Effect) -> None:
        """Tell it."""
        _log.warning("%s", describe(effect), extra=_about(effect))


def _about(effect: Effect) -> dict[str, str | int]:
    """Return what the log record of an effect has in common with that of its commit."""
    return {"effect": effect.key, "ledger": str(effect.ledger), "page": effect.page}
