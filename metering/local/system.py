"""The whole system in one process: function app, worker library, embedded hub and host."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import metering
from metering import bootstrap
from metering.adapters.clock import SystemClock
from metering.app.hubs.batch import LOGS_HUB, USAGE_HUB
from metering.core.basics.instants import SECOND
from metering.local.functions.host import FunctionsHost
from metering.local.functions.invoker import FailureReport, HostPace
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.progress import LocalHubProgress
from metering.local.hubs.publisher import EmbeddedPublisher
from metering.settings.settings import Settings, SqliteStore

#: The app settings that the bindings name; in Azure the deployment sets them.
APP_SETTINGS: Final = {
    "USAGE_HUB": USAGE_HUB,
    "USAGE_CONSUMER_GROUP": "metering",
    "GATEWAY_LOGS_HUB": LOGS_HUB,
    "GATEWAY_LOGS_CONSUMER_GROUP": "metering",
}

#: The hubs that it reads, each with its consumer group.
READ_HUBS: Final = (
    (APP_SETTINGS["USAGE_HUB"], APP_SETTINGS["USAGE_CONSUMER_GROUP"]),
    (APP_SETTINGS["GATEWAY_LOGS_HUB"], APP_SETTINGS["GATEWAY_LOGS_CONSUMER_GROUP"]),
)

#: After a crash the next process waits this long for the partitions of the one before.
_LEASE_LIFE: Final = 3 * SECOND


class LocalSystem(NamedTuple):
    """The running parts."""

    app: bootstrap.App
    hub: EmbeddedHub
    host: FunctionsHost


def app_dir() -> Path:
    """Return the folder of function_app.py, which contains the package."""
    return Path(metering.__file__).parents[1]


def hub_path(settings: Settings, purpose: str) -> Path:
    """Return the path of a store's hub, such as `metering.run-hub.db` beside its file."""
    store = settings.store
    near = store.path if isinstance(store, SqliteStore) else Path(".metering", store.database)
    return near.with_name(f"{near.stem}.{purpose}-hub.db")


@asynccontextmanager
async def local_system(
    app: bootstrap.App, purpose: str, on_failure: FailureReport
) -> AsyncIterator[LocalSystem]:
    """Run the function app over an embedded hub while the context is open.

    Raises ConfigurationError when the app cannot be indexed. An error of the host itself cancels
    the body of the context and is raised in its place.
    """
    bootstrap.use(app)
    await app.tenancy.refresh()
    worker = await FunctionsWorker.start(app_dir())
    hub = EmbeddedHub(hub_path(app.settings, purpose), SystemClock().now)
    app.publish_through(partial(EmbeddedPublisher, hub))
    app.hub_progress = LocalHubProgress(hub, app.clock, READ_HUBS)
    host = FunctionsHost(
        worker,
        hub,
        APP_SETTINGS,
        on_failure=on_failure,
        pace=HostPace(poll_s=0.02, lease_life_us=_LEASE_LIFE),
    )
    running = asyncio.create_task(host.run())
    try:
        yield LocalSystem(app, hub, host)
    finally:
        app.batch_waits.end()
        await host.stop()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        hub.close()
        await app.close()
