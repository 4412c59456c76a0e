"""Telemetry: what operators must see, as log records."""

import logging

_log = logging.getLogger("metering")


class LogAlerts:
    """Alerts as log records of level CRITICAL."""

    def alert(self, message: str) -> None:
        """Tell it."""
        _log.critical(message)
