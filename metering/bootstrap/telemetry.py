"""Telemetry to Application Insights, to the console, or disabled."""

from metering.ports import SILENT, Telemetry
from metering.settings.settings import AppInsights, TelemetrySetting


def telemetry_for(setting: TelemetrySetting) -> Telemetry:
    """Return the telemetry that a setting calls for."""
    if setting == "off":
        return SILENT
    # The SDK and its exporter take a second to import: only those who use them wait for them.
    if isinstance(setting, AppInsights):
        from metering.adapters.telemetry.azure_monitor import azure_monitor

        return azure_monitor(setting.connection_string)
    from metering.adapters.telemetry.open_telemetry import console

    return console()
