"""What the tests of the local system share: a sample app, a clock to set, a hub file, a host."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from metering.core.basics.instants import Instant, parse_instant
from metering.local.functions.host import FunctionsHost
from metering.local.functions.invoker import HostPace
from metering.local.functions.worker import FunctionsWorker, InvocationFailed
from metering.local.hubs.hub import EmbeddedHub

_APP_DIR = Path(__file__).parent / "sample_app"

#: Delays up to this, in seconds, are cut to a millisecond: retries, polls, renewals, timers.
_LONGEST_CUT_DELAY_S = 60


@pytest.fixture
def sample_app_dir() -> Path:
    """Return the folder of the sample app."""
    return _APP_DIR


@pytest.fixture
def _own_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave sys.path and `function_app` to the next test as they were."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = sys.modules.get("function_app")
    yield
    sys.modules.pop("function_app", None)
    if before is not None:
        sys.modules["function_app"] = before


@pytest.fixture
async def worker(_own_imports: None, sample_app_dir: Path) -> FunctionsWorker:
    """Return a worker of the sample app, freshly imported."""
    return await FunctionsWorker.start(sample_app_dir)


@pytest.fixture
def script(worker: FunctionsWorker) -> Any:
    """Return what the sample app has seen and is told to do."""
    assert worker.functions
    return sys.modules["function_app"].script


@pytest.fixture
def now() -> list[Instant]:
    """Return the present instant, in a list so that a test can move it."""
    return [parse_instant("2026-03-01T12:00:00Z")]


@pytest.fixture
async def hub(tmp_path: Path, now: list[Instant]) -> AsyncIterator[EmbeddedHub]:
    """Return an empty hub file under the test's clock."""
    hub = EmbeddedHub(tmp_path / "hub.sqlite", lambda: now[0])
    yield hub
    hub.close()


@pytest.fixture
def usage(hub: EmbeddedHub) -> EmbeddedHub:
    """Return the hub file with a hub `usage` of one partition, for tests about order."""
    hub.declare("usage", 1)
    return hub


@pytest.fixture
def settings() -> dict[str, str]:
    """Return the app settings of the sample app; its timers are not due in these tests."""
    return {"USAGE_HUB": "usage", "USAGE_GROUP": "meter", "SWEEP_SCHEDULE": "0 0 0 1 1 *"}


@pytest.fixture
def failures() -> list[tuple[str, str]]:
    """Return the failures that hosts reported: the function and what it raised."""
    return []


@pytest.fixture
def serve(
    worker: FunctionsWorker, settings: dict[str, str], failures: list[tuple[str, str]]
) -> Callable[[EmbeddedHub], AbstractAsyncContextManager[FunctionsHost]]:
    """Return what runs a host on a hub file for as long as a block lasts."""

    async def cut_short(seconds: float) -> None:
        await asyncio.sleep(0.001 if seconds <= _LONGEST_CUT_DELAY_S else seconds)

    def report(name: str, error: InvocationFailed) -> None:
        failures.append((name, error.message))

    @asynccontextmanager
    async def serving(hub: EmbeddedHub) -> AsyncIterator[FunctionsHost]:
        pace = HostPace(poll_s=0.001, stop_s=0.2, sleep=cut_short)
        host = FunctionsHost(worker, hub, settings, on_failure=report, pace=pace)
        running = asyncio.create_task(host.run())
        try:
            yield host
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running

    return serving


@pytest.fixture
def until() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Return what waits for a condition, at most five seconds."""

    async def wait(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - the sample app knows no test to tell
                await asyncio.sleep(0.001)

    return wait
