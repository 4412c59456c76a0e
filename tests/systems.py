"""One process of the product: the use cases with caches of their own, over a store it may share.

Faults are ordered at the edge of the store, never inside our own code.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from weakref import finalize

from metering.adapters.clock import FixedClock
from metering.app.billing.close_periods import Closed, ClosePeriods, Waiting
from metering.app.ingest.direct_publisher import DirectPublisher
from metering.app.ingest.ingest import Ingest
from metering.app.quotas.admission import ObservedAdmission
from metering.bootstrap import App, Stores
from metering.bootstrap.billing import Billing
from metering.bootstrap.quotas import Quotas
from metering.bootstrap.reports import Reading
from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.installation.metrics import Fault
from metering.core.ledger.commit import Commit
from metering.core.ledger.effect import Effect
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.streams.lifetimes import RECOVERY_DELAY
from metering.ports import LedgerStore, Outgoing, StoredHead
from metering.settings.settings import Settings, SqliteStore
from tests.builders import NOW, price_rows
from tests.faulty_rollups import FaultyRollups
from tests.faulty_writes import FaultyWrites


class FaultyLedgers:
    """A store's ledgers, where something may go wrong around a commit or in a query."""

    def __init__(self, ledgers: LedgerStore) -> None:
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

    async def latest_slots(self, ledger: LedgerId, before: Slot, limit: int) -> list[Slot]:
        self.queries += 1
        found = await self._ledgers.latest_slots(ledger, before, limit)
        return found[self.lag :]

    async def write_checkpoint(self, head: Head) -> bool:
        return await self._ledgers.write_checkpoint(head)

    async def commit(self, commit: Commit) -> None:
        self.commits += 1
        self.strike()
        if self.before:
            self.before.pop(0)()
        await self._ledgers.commit(commit)
        if self.after:
            self.after.pop(0)()
        self.strike()

    def strike(self) -> None:
        """Let something go wrong around every commit; a test puts its own here."""

    def page_documents(self, ledger: LedgerId) -> AsyncGenerator[Document]:
        return self._ledgers.page_documents(ledger)

    def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncGenerator[Page]:
        return self._ledgers.pages(ledger, after=after)

    async def ledgers_of_pages(self) -> list[LedgerId]:
        return await self._ledgers.ledgers_of_pages()

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        return await self._ledgers.ledgers(tenant)


class RecordedAlerts:
    def __init__(self) -> None:
        self.messages: list[str] = []
        self.faults: list[Fault] = []

    def alert(self, message: str, fault: Fault = "other") -> None:
        self.messages.append(message)
        self.faults.append(fault)


class RecordedNotifier:
    """A receiver that takes everything, unless a test lets it fail."""

    def __init__(self) -> None:
        self.effects: list[Effect] = []
        self.faults: list[BaseException] = []

    async def notify(self, effect: Effect) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.effects.append(effect)


class RecordedPublisher(DirectPublisher):
    """A hub that delivers at once, unless a test lets it refuse."""

    def __init__(self, ingest: Callable[[], Ingest]) -> None:
        super().__init__(ingest=ingest)
        self.events: list[Outgoing] = []
        self.faults: list[BaseException] = []
        self.delivers = True

    async def publish(self, events: Sequence[Outgoing]) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.events.extend(events)
        if self.delivers:
            await super().publish(events)


class KnownProgress:
    """Hubs that have counted everything, unless a test says up to when."""

    def __init__(self) -> None:
        self.until: Instant = FOREVER

    async def counted_until(self) -> Instant:
        return self.until

    async def counted_by_hub(self) -> Mapping[str, Instant]:
        return {"usage": self.until}


class MovableClock(FixedClock):
    """A clock that a test sets."""

    def set(self, instant: Instant) -> None:
        self._instant = instant


class TickingClock(MovableClock):
    """A clock that never says the same twice: what each commit wrote can be told apart."""

    def now(self) -> Instant:
        self._instant += 1
        return self._instant


class System:
    """One process: the product's own wiring over a store that it may share, faults at its edge."""

    def __init__(
        self,
        stores: Stores,
        *,
        automatic: bool = True,
        checked_pages: int = 4,
        clock: MovableClock | None = None,
        recovery_delay: Instant | None = RECOVERY_DELAY,
    ) -> None:
        self.clock = clock or MovableClock(NOW)
        self.store = FaultyLedgers(stores.ledgers)
        self.rollups = FaultyRollups(stores.rollups)
        self.statements = FaultyWrites(stores.statements)
        self.faulty_accounts = FaultyWrites(stores.accounts)
        self.alerts = RecordedAlerts()
        self.notifier = RecordedNotifier()
        self.progress = KnownProgress()
        # Anchors are kept beside the file of the store.
        folder = mkdtemp(prefix="metering-")
        finalize(self, rmtree, folder, ignore_errors=True)
        settings = Settings(
            SqliteStore(Path(folder) / "unused"),
            automatic_tenants=automatic,
            recovery_delay=recovery_delay,
        )
        self.app = app = App(settings)
        app.clock, app.alerts, app.notifier = self.clock, self.alerts, self.notifier
        app.hub_progress = self.progress
        app.stores = stores._replace(
            ledgers=self.store,
            rollups=self.rollups,
            statements=self.statements,
            accounts=self.faulty_accounts,
            checked_pages=checked_pages,
            max_gaps=12,
        )
        self.publisher = RecordedPublisher(lambda: self.ingest)
        app.publish_through(lambda _: self.publisher)
        self.registry, self.prices, self.accounts = stores.registry, stores.prices, stores.accounts
        self.pending, self.dead_letters, self.effects = (
            stores.pending,
            stores.dead_letters,
            stores.effects,
        )
        self.register, self.count_streams = app.register, app.count_streams
        self.take_over = app.take_over_pending
        self.suspensions, self.allocations = stores.suspensions, stores.allocations
        # Few prices instead of those in the package, so that amounts are easy to work out by hand.
        app.tenancy.committed = price_rows({"aliases": ["gpt-4o-2024-11-20"]})
        self.tenancy, self.committer, self.credits = app.tenancy, app.committer, app.credits
        self.ingest, self.join, self.letters = app.ingest, app.join_usage, app.dead_letters
        self.recover, self.expire = app.recover_usage, app.expire_pending
        self.enforce, self.deliver = app.enforce_quotas, app.deliver_effects
        self.read, self.verify, self.roll_up = app.read, app.verify, app.roll_up
        self.read_statements, self.allocate = app.billing.statements, app.billing.allocate
        self.closing = self.close_periods()

    def close_periods(self) -> ClosePeriods:
        """Return closing as a process that has just started has it: nothing is remembered."""
        return Billing(self.app).close_periods

    async def close(self, at: Instant) -> tuple[list[Closed], list[Waiting]]:
        """Close what is due, as a process that has just started."""
        found = [one async for one in self.close_periods().run(at)]
        return (
            [one for one in found if isinstance(one, Closed)],
            [one for one in found if isinstance(one, Waiting)],
        )

    def admission(self) -> ObservedAdmission:
        """Return admission as a process that has just started has it: nothing is remembered."""
        return Quotas(self.app, lambda: Reading(self.app)).admission
