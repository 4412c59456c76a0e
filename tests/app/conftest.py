"""The use cases over the embedded store, with faults to order at its edge."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from metering.adapters.clock import FixedClock
from metering.adapters.sqlite.database import Database
from metering.adapters.sqlite.dead_letters import SqliteDeadLetters
from metering.adapters.sqlite.ledger import SqliteLedgers
from metering.adapters.sqlite.pending import SqlitePending
from metering.adapters.sqlite.registry import SqliteRegistry
from metering.app.committer import Committer
from metering.app.dead_letters import DeadLetters
from metering.app.expire_pending import ExpirePending
from metering.app.ingest import Ingest
from metering.app.read import Read
from metering.app.tenancy import Tenancy
from metering.app.verify import Verify
from metering.core.commit import Commit
from metering.core.instants import Instant
from metering.core.page import Page
from metering.core.periods import LedgerId
from metering.core.slots import Slot
from metering.ports import StoredHead
from tests.builders import NOW, price_book


class FaultyLedgers:
    """The embedded ledgers, where something may go wrong around a commit or in a query."""

    def __init__(self, ledgers: SqliteLedgers) -> None:
        self._ledgers = ledgers
        self.before: list[Callable[[], None]] = []
        self.after: list[Callable[[], None]] = []
        self.lag = 0
        self.absent: set[int] = set()
        self.commits = self.queries = 0

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        return await self._ledgers.read_head(ledger)

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        return None if number in self.absent else await self._ledgers.read_page(ledger, number)

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        self.queries += 1
        pages = await self._ledgers.read_slots(ledger, slots)
        return pages[: len(pages) - self.lag]

    async def commit(self, commit: Commit, etag: str | None) -> str:
        self.commits += 1
        if self.before:
            self.before.pop(0)()
        new = await self._ledgers.commit(commit, etag)
        if self.after:
            self.after.pop(0)()
        return new

    def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncIterator[Page]:
        return self._ledgers.pages(ledger, after=after)

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        return await self._ledgers.ledgers(tenant)


class RecordedAlerts:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def alert(self, message: str) -> None:
        self.messages.append(message)


class MovableClock(FixedClock):
    """A clock that a test sets."""

    def set(self, instant: Instant) -> None:
        self._instant = instant


class System:
    """One process: its own caches over a store that it may share."""

    def __init__(self, path: Path, *, automatic: bool = True, checked_pages: int = 4) -> None:
        self.database = Database(path, lock_patience_ms=100)
        self.clock = MovableClock(NOW)
        self.store = FaultyLedgers(SqliteLedgers(self.database))
        self.dead_letters = SqliteDeadLetters(self.database)
        self.pending = SqlitePending(self.database)
        self.registry = SqliteRegistry(self.database)
        self.tenancy = Tenancy(
            self.registry,
            price_book({"aliases": ["gpt-4o-2024-11-20"]}),
            self.clock,
            automatic=automatic,
        )
        self.committer = Committer(self.store, self.clock, checked_pages=checked_pages)
        self.alerts = RecordedAlerts()
        self.ingest = Ingest(
            tenancy=self.tenancy,
            committer=self.committer,
            dead_letters=self.dead_letters,
            pending=self.pending,
            clock=self.clock,
            alerts=self.alerts,
        )
        self.expire = ExpirePending(
            pending=self.pending,
            tenancy=self.tenancy,
            committer=self.committer,
            clock=self.clock,
        )
        self.letters = DeadLetters(self.dead_letters, self.ingest)
        self.read = Read(self.store, self.tenancy, self.clock)
        self.verify = Verify(self.store)


@pytest.fixture
async def make_system(tmp_path: Path) -> AsyncIterator[Callable[..., System]]:
    """Make systems that share one store."""
    made: list[System] = []

    def make(**options: bool | int) -> System:
        made.append(System(tmp_path / "store.db", **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for system in made:
        await system.database.close()


@pytest.fixture
def system(make_system: Callable[..., System]) -> System:
    return make_system()
