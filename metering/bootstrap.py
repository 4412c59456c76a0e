"""Wiring: the one place that names concrete adapters. Everything is built on first use."""

from functools import cached_property

from metering.adapters.clock import FixedClock, SystemClock
from metering.adapters.files import committed_prices, read_structured
from metering.adapters.sqlite.database import Database
from metering.adapters.sqlite.dead_letters import SqliteDeadLetters
from metering.adapters.sqlite.ledger import SqliteLedgers
from metering.adapters.sqlite.pending import SqlitePending
from metering.adapters.sqlite.registry import SqliteRegistry
from metering.adapters.telemetry import LogAlerts
from metering.app.committer import Committer
from metering.app.expire_pending import ExpirePending
from metering.app.ingest import Ingest
from metering.app.read import Read
from metering.app.tenancy import Tenancy
from metering.app.verify import Verify
from metering.config import Settings, read_settings
from metering.core.price_book import PriceBook
from metering.core.tenants_file import TenantsFile, read_tenants_file
from metering.ports import Clock, DeadLetterStore

#: On one machine reading is cheap: a process verifies this many of a ledger's last pages when it
#: first touches it. (On Cosmos DB each page read costs; there it is the last one.)
CHECKED_PAGES = 64


class App:
    """The use cases, over the adapters that the settings call for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @cached_property
    def clock(self) -> Clock:
        """The machine's clock, or the standing one that METERING_NOW sets."""
        fixed = self.settings.fixed_now
        return SystemClock() if fixed is None else FixedClock(fixed)

    @cached_property
    def prices(self) -> PriceBook:
        """The committed price data."""
        return committed_prices()

    @cached_property
    def _database(self) -> Database:
        return Database(self.settings.store_path)

    @cached_property
    def ledgers(self) -> SqliteLedgers:
        """The ledgers."""
        return SqliteLedgers(self._database)

    @cached_property
    def dead_letters(self) -> DeadLetterStore:
        """Bodies set aside."""
        return SqliteDeadLetters(self._database)

    @cached_property
    def _pending(self) -> SqlitePending:
        return SqlitePending(self._database)

    @cached_property
    def tenants_file(self) -> TenantsFile | None:
        """What METERING_TENANTS names; to be taken over once with `tenancy.take_over`."""
        path = self.settings.tenants_file
        return None if path is None else read_tenants_file(str(path), read_structured(path))

    @cached_property
    def tenancy(self) -> Tenancy:
        """Who pays."""
        return Tenancy(
            SqliteRegistry(self._database),
            self.prices,
            self.clock,
            automatic=self.settings.automatic_tenants,
            file=self.tenants_file,
        )

    @cached_property
    def _committer(self) -> Committer:
        return Committer(self.ledgers, self.clock, checked_pages=CHECKED_PAGES)

    @cached_property
    def ingest(self) -> Ingest:
        """Ingest usage events."""
        return Ingest(
            tenancy=self.tenancy,
            committer=self._committer,
            dead_letters=self.dead_letters,
            pending=self._pending,
            clock=self.clock,
            alerts=LogAlerts(),
        )

    @cached_property
    def expire_pending(self) -> ExpirePending:
        """Give up waiting for counts."""
        return ExpirePending(
            pending=self._pending,
            tenancy=self.tenancy,
            committer=self._committer,
            clock=self.clock,
        )

    @cached_property
    def read(self) -> Read:
        """Balances and breakdowns."""
        return Read(self.ledgers, self.tenancy, self.clock)

    @cached_property
    def verify(self) -> Verify:
        """Prove ledgers."""
        return Verify(self.ledgers)

    def close(self) -> None:
        """Let go of what was opened."""
        self._database.close()


_current: list[App] = []


def use(app: App) -> None:
    """Make `app` the one that triggers use: for a host that lives in the same process."""
    _current[:] = [app]


def current() -> App:
    """Return the app of this process, built from the environment on first use."""
    if not _current:
        use(App(read_settings()))
    return _current[0]
