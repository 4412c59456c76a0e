"""The whole local system with a gateway on a loopback socket."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from metering import bootstrap
from metering.local.demo.demo import tenants_file
from metering.local.gateway.gate import Pace
from metering.local.gateway.server import listener_on, local_gateway
from metering.local.system import local_system
from metering.settings.settings import Settings, SqliteStore
from tests.local.gateway.bench import NOW, PACE, Bench


@pytest.fixture
def pace() -> Pace:
    """Return how fast the gateway is; a test that needs another one says so."""
    return PACE


@pytest.fixture
async def bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pace: Pace
) -> AsyncIterator[Bench]:
    """Run the function app, the hub and the gateway, on the sample tenants."""
    async with _running(tmp_path, monkeypatch, pace) as bench:
        yield bench


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    """Run the same once for all tests of a module, whose loop is then the module's."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        async with _running(tmp_path_factory.mktemp("shared"), monkeypatch, PACE) as bench:
            yield bench


@asynccontextmanager
async def _running(
    folder: Path, monkeypatch: pytest.MonkeyPatch, pace: Pace
) -> AsyncIterator[Bench]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    settings = Settings(
        SqliteStore(folder / "store.db"), tenants_file(), automatic_tenants=False, fixed_now=NOW
    )

    def fail(function: str, error: Exception) -> None:
        raise AssertionError(function) from error

    async with (
        local_system(bootstrap.App(settings), "test", fail) as system,
        AsyncExitStack() as serving,
        AsyncExitStack() as clients,
    ):
        bench = Bench(system, clients, serving)
        bench.gateway = await serving.enter_async_context(
            local_gateway(system, listener_on(0), admission=bench.admission, pace=pace)
        )
        yield bench
