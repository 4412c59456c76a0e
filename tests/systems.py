"""One process of the product: the use cases with caches of their own, over a store it may share.

Faults are ordered at the edge of the store, never inside our own code.
"""

from collections.abc import AsyncIterator, Callable, Sequence

from metering.adapters.clock import FixedClock
from metering.app.allocation.allocate import ShareOut
from metering.app.billing.close_periods import Closed, ClosePeriods, Patience, Waiting
from metering.app.billing.draft_statements import DraftStatements
from metering.app.billing.statements import Statements
from metering.app.credit.credits import Credits
from metering.app.ingest.dead_letters import DeadLetters
from metering.app.ingest.ingest import DirectPublisher, Ingest
from metering.app.ledger.committer import Committer
from metering.app.ledger.deliver_effects import DeliverEffects
from metering.app.quotas.admission import Admission
from metering.app.quotas.enforce_quotas import EnforceQuotas
from metering.app.reports.read import Read
from metering.app.reports.roll_up import RollUp
from metering.app.reports.verify import Verify
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.streams.expire_pending import ExpirePending
from metering.app.streams.join_usage import JoinUsage
from metering.app.streams.recover_usage import RecoverUsage
from metering.app.tenancy.tenancy import Tenancy
from metering.bootstrap import Stores
from metering.core.basics.instants import Instant
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.commit import Commit
from metering.core.ledger.effect import Effect
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.streams.joining import RECOVERY_DELAY
from metering.ports import LedgerStore, Outgoing, StoredHead
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

    def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncIterator[Page]:
        return self._ledgers.pages(ledger, after=after)

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        return await self._ledgers.ledgers(tenant)


class RecordedAlerts:
    def __init__(self) -> None:
        self.messages: list[str] = []

    def alert(self, message: str) -> None:
        self.messages.append(message)


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
        super().__init__(ingest)
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
    """One process: its own caches over a store that it may share."""

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
        self.dead_letters = stores.dead_letters
        self.pending = stores.pending
        self.registry = stores.registry
        self.prices = stores.prices
        self.tenancy = Tenancy(
            self.registry,
            self.prices,
            self.clock,
            committed=price_rows({"aliases": ["gpt-4o-2024-11-20"]}),
            automatic=automatic,
        )
        self.committer = Committer(
            self.store,
            self.clock,
            periods=self.tenancy.directory.period_at,
            limits=self.tenancy.limits_of,
            checked_pages=checked_pages,
            max_gaps=12,
        )
        self.alerts = RecordedAlerts()
        self.publisher = RecordedPublisher(lambda: self.ingest)
        self.streams = CompleteStreams(self.pending, self.publisher, self.clock)
        self.join = JoinUsage(
            pending=self.pending,
            streams=self.streams,
            publisher=self.publisher,
            dead_letters=self.dead_letters,
            clock=self.clock,
            alerts=self.alerts,
            recovery_delay=recovery_delay,
        )
        self.recover = RecoverUsage(
            pending=self.pending,
            ledgers=self.store,
            tenancy=self.tenancy,
            publisher=self.publisher,
            dead_letters=self.dead_letters,
            clock=self.clock,
            recovery_delay=recovery_delay,
        )
        self.ingest = Ingest(
            tenancy=self.tenancy,
            committer=self.committer,
            dead_letters=self.dead_letters,
            pending=self.pending,
            streams=self.streams,
            clock=self.clock,
            alerts=self.alerts,
        )
        self.expire = ExpirePending(
            pending=self.pending,
            streams=self.streams,
            tenancy=self.tenancy,
            committer=self.committer,
            dead_letters=self.dead_letters,
            clock=self.clock,
            alerts=self.alerts,
        )
        self.letters = DeadLetters(self.dead_letters, self.ingest, self.join)
        self.enforce = EnforceQuotas(
            ledgers=self.store, tenancy=self.tenancy, clock=self.clock, alerts=self.alerts
        )
        self._follow(stores)

    def _follow(self, stores: Stores) -> None:
        """Make what comes after a commit: effects, rollups, what is read."""
        self.effects = stores.effects
        self.suspensions = stores.suspensions
        self.notifier = RecordedNotifier()
        self.deliver = DeliverEffects(
            effects=self.effects,
            notifier=self.notifier,
            clock=self.clock,
            alerts=self.alerts,
        )
        self.rollups = FaultyRollups(stores.rollups)
        self.read = Read(self.store, self.rollups, self.tenancy, self.clock)
        self.accounts = stores.accounts
        self.sharings = stores.sharings
        self.credits = Credits(
            ledgers=self.store, accounts=self.accounts, tenancy=self.tenancy, clock=self.clock
        )
        self.verify = Verify(self.store, self.rollups)
        self.statements = FaultyWrites(stores.statements)
        self.faulty_accounts = FaultyWrites(stores.accounts)
        self.drafts = DraftStatements(
            ledgers=self.store, accounts=self.accounts, tenancy=self.tenancy
        )
        self.read_statements = Statements(
            stores.statements, self.drafts, stores.sharings, self.tenancy
        )
        self.share_out = ShareOut(self.store, stores.sharings, self.tenancy)
        self.progress = KnownProgress()
        self.patience = Patience()
        self.closing = self.close_periods()
        self.roll_up = RollUp(self.store, self.rollups, self.alerts)

    def close_periods(self) -> ClosePeriods:
        """Return closing as a process that has just started has it: nothing is remembered."""
        return ClosePeriods(
            ledgers=self.store,
            statements=self.statements,
            accounts=self.faulty_accounts,
            tenancy=self.tenancy,
            drafts=self.drafts,
            share_out=self.share_out,
            progress=self.progress,
            alerts=self.alerts,
            patience=self.patience,
        )

    async def close(self, at: Instant) -> tuple[list[Closed], list[Waiting]]:
        """Close what is due, as a process that has just started."""
        found = [one async for one in self.close_periods().run(at)]
        return (
            [one for one in found if isinstance(one, Closed)],
            [one for one in found if isinstance(one, Waiting)],
        )

    def admission(self) -> Admission:
        """Return admission as a process that has just started has it: nothing is remembered."""
        return Admission(self.store, self.tenancy, self.credits, self.clock)
