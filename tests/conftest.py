"""The use cases over the embedded store, for every test that wants them."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from hypothesis import settings

from metering.adapters.sqlite.database import Database
from metering.bootstrap import sqlite_stores
from tests.systems import System

#: How long an example takes depends on the machine, and says nothing about the code.
settings.register_profile("metering", deadline=None)
settings.load_profile("metering")


class LocalSystem(System):
    """A system whose store is a file that tests may look into."""

    def __init__(self, path: Path, **options: int) -> None:
        self.database = Database(path, lock_patience_ms=100)
        super().__init__(sqlite_stores(self.database), **options)  # type: ignore[arg-type]


@pytest.fixture
async def make_system(tmp_path: Path) -> AsyncIterator[Callable[..., LocalSystem]]:
    """Make systems that share one store."""
    made: list[LocalSystem] = []

    def make(**options: int) -> LocalSystem:
        made.append(LocalSystem(tmp_path / "store.db", **options))
        return made[-1]

    yield make
    for system in made:
        await system.database.close()


@pytest.fixture
def system(make_system: Callable[..., LocalSystem]) -> LocalSystem:
    return make_system()
