"""Telemetry: what operators must see, as log records."""

import logging

from metering.core.effect import Effect, describe

_log = logging.getLogger("metering")


class LogAlerts:
    """Alerts as log records of level CRITICAL."""

    def alert(self, message: str) -> None:
        """Tell it."""
        _log.critical(message)


class LogNotifier:
    """Effects as log records of level WARNING, a line each; `effect` is the idempotency key."""

    async def notify(self, effect: Effect) -> None:
        """Tell it."""
        _log.warning("%s", describe(effect), extra={"effect": effect.key})
