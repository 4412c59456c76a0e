"""The function app in one process: the embedded store, a standing clock, Microsoft's worker."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from metering import bootstrap
from metering.local.functions.worker import FunctionsWorker
from metering.local.system import app_dir
from metering.settings.settings import ApimService, Settings, SqliteStore
from tests.builders import NOW
from tests.doubles.arm import ArmPeer
from tests.doubles.arm.api_management import (
    AZURE_SUBSCRIPTION,
    GROUP,
    SERVICE,
    put_service,
    put_subscription,
)
from tests.triggers.watching import World, watched


@pytest.fixture
async def app(tmp_path: Path) -> AsyncIterator[bootstrap.App]:
    made = bootstrap.App(Settings(SqliteStore(tmp_path / "store.db"), fixed_now=NOW))
    bootstrap.use(made)
    yield made
    await made.close()


@pytest.fixture
async def worker(app: bootstrap.App) -> FunctionsWorker:
    assert app
    return await FunctionsWorker.start(app_dir())


@pytest.fixture(scope="module")
def arm() -> Iterator[ArmPeer]:
    with ArmPeer() as peer:
        put_service(peer)
        put_subscription(peer, "sub-1")
        yield peer


@pytest.fixture
async def world(tmp_path: Path, arm: ArmPeer) -> AsyncIterator[World]:
    """Return a process over the embedded store, whose gateway's management is a peer."""
    settings = Settings(
        SqliteStore(tmp_path / "store.db"),
        arm_endpoint=arm.url,
        apim_service=ApimService(AZURE_SUBSCRIPTION, GROUP, SERVICE),
    )
    app, clock, reader, finished = watched(settings)
    yield World(app, clock, await FunctionsWorker.start(app_dir()), reader, finished)
    await app.close()
