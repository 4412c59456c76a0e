"""The hubs whose progress shows how much has been counted."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from metering.app.hubs.hub_lag import NoHubs
from metering.core.basics.errors import ConfigurationError
from metering.ports import Clock, HubWatch
from metering.settings.hubs import NO_HUB, HubNamespace
from metering.settings.settings import Settings


def hub_progress(
    settings: Settings, clock: Clock, closing: list[Callable[[], Awaitable[None]]]
) -> HubWatch:
    """Return the progress of the hubs in the settings; `closing` gets what lets it go.

    GATEWAY_LOGS_HUB=off: the app reads no logs, and there is one hub. ConfigurationError where only
    a part of what the function app reads is set: half an answer would close a period too early.
    """
    hubs, readers = settings.hubs, settings.readers
    if hubs is None:
        return NoHubs()
    if readers.host_storage is None:
        raise ConfigurationError(
            "AzureWebJobsStorage__accountName: is not set: the Functions host keeps there how far"
            " it has read the hubs"
        )
    # The SDKs take a while to import: only those who use them wait for it.
    from metering.adapters.hubs.host_checkpoints import HostCheckpoints
    from metering.adapters.hubs.progress import (
        CountedHub,
        EventHubsProgress,
    )

    def counted(connection: str, namespace: HubNamespace, hub: str, group: str) -> CountedHub:
        host = urlsplit(f"//{namespace.host}").hostname or namespace.host
        return CountedHub(connection, host, hub, group, namespace.connection_string)

    if readers.logs is None and readers.logs_hub != NO_HUB:
        raise ConfigurationError(
            "GatewayLogsHub__fullyQualifiedNamespace: is not set; where no logs are read set"
            " GATEWAY_LOGS_HUB=off"
        )
    read = [counted("UsageHub", hubs, settings.usage_hub, readers.usage_group)]
    if readers.logs is not None:
        read.append(counted("GatewayLogsHub", readers.logs, readers.logs_hub, readers.logs_group))
    progress = EventHubsProgress(
        read,
        HostCheckpoints(readers.host_storage.url, emulator=readers.host_storage.is_emulator),
        clock,
    )
    closing.append(progress.close)
    return progress
