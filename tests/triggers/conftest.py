"""The function app in one process: the embedded store, a standing clock, Microsoft's worker."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from metering import bootstrap
from metering.config import Settings, SqliteStore
from metering.local.system import app_dir
from metering.local.worker import FunctionsWorker
from tests.builders import NOW


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
