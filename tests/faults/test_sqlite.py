"""The embedded store under faults: nothing is lost and nothing counts twice."""

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings

from metering.adapters.sqlite.database import Database
from metering.bootstrap import sqlite_stores
from tests.faults.machine import ExactlyOnce
from tests.systems import System


class OnSqlite(ExactlyOnce):
    """Processes over one file."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.databases: list[Database] = []

    async def make_process(self) -> System:
        """Open the file once more, as another process would."""
        self.databases.append(Database(Path(self.folder.name) / "store.db"))
        return System(sqlite_stores(self.databases[-1]), clock=self.clock)

    async def close(self) -> None:
        """Let the files go."""
        for database in self.databases:
            await database.close()
        self.folder.cleanup()


TestNothingIsLostAndNothingCountsTwice = OnSqlite.TestCase
TestNothingIsLostAndNothingCountsTwice.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
