"""Close periods, in order, from the state in the store, so that a run continues after any crash.

One write closes a period: its statement, which is created only if none exists. The tenant's account
follows from the statement; the next run completes it if a crash came in between.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.allocation.allocate import Allocate
from metering.app.billing.draft_statements import DraftStatements
from metering.app.billing.due_allocations import DueAllocations
from metering.app.ledger.reading import head_of
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import (
    HeadMovedError,
    InvariantBroken,
    LedgerLagError,
    RetryableError,
)
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import Statement, unsettled
from metering.core.calendars.periods import LedgerId, Period
from metering.core.credit.account import Account, settle
from metering.core.credit.grant import Burnt
from metering.ports import AccountStore, Alerts, HubProgress, LedgerStore, StatementStore

#: Grace after the end of a period: within a day streams get their counts or are given up.
GRACE: Final[Instant] = DAY
#: How long a period waits after that for missing counts and prices.
PATIENCE: Final[Instant] = 3 * DAY
#: Races lost in a row on one account before it is left to the next run.
_MAX_RACES: Final = 5


class Patience(NamedTuple):
    """The delays between the end of a period and its close."""

    grace: Instant = GRACE
    """No period is closed earlier than this after its end."""
    pending: Instant = PATIENCE
    """The additional wait for requests that are pending or unpriced."""


DEFAULT_PATIENCE: Final = Patience()


class Closed(NamedTuple):
    """A period that was closed."""

    tenant: str
    period: str
    currency: str
    total: Amount
    unsettled: int
    """Requests that were still pending, unpriced or missing."""


class Waiting(NamedTuple):
    """A period that is over but not closed, and the reason."""

    tenant: str
    period: str
    reason: str
    until: Instant | None = None
    """The latest time at which it is closed; None if that needs an operator."""
    uncounted_since: Instant | None = None
    """The time at which it could have been closed, if only the hubs delay it."""


class Ahead(NamedTuple):
    """The period that a run beyond the clock may close: one that is over, before its grace ends."""

    period: str
    now: Instant

    def allows(self, period: Period) -> bool:
        """Return whether a period is the one that was named, and over."""
        return period.name == self.period and period.end <= self.now


@dataclass(slots=True, kw_only=True)
class ClosePeriods:
    """The use case behind the timer `close_periods` and `metering close`."""

    ledgers: LedgerStore
    statements: StatementStore
    accounts: AccountStore
    tenancy: Tenancy
    drafts: DraftStatements
    allocate: Allocate
    progress: HubProgress
    alerts: Alerts
    patience: Patience = DEFAULT_PATIENCE
    after_close: Callable[[], Awaitable[None]]
    """Called at the end of a run that closed a period: it anchors the new statements."""
    # By tenant: no period is due before. It saves a process from asking.
    _next_due: dict[str, Instant] = field(init=False, default_factory=dict)
    # Tenants whose pages could not be read at the last run.
    _lagging: set[str] = field(init=False, default_factory=set)
    _allocations: DueAllocations = field(init=False)

    def __post_init__(self) -> None:
        """Allocate the capacity of a month once in a run, for all tenants."""
        self._allocations = DueAllocations(self.allocate, self.ledgers, self.tenancy, self.alerts)

    async def run(
        self, at: Instant, tenants: Sequence[str] | None = None, *, ahead: Ahead | None = None
    ) -> AsyncIterator[Closed | Waiting]:
        """Close every period that is due at an instant, tenant by tenant; yield each result.

        `ahead` limits a run at an instant beyond the clock. Safe to repeat, to cut off anywhere
        and to run twice at once: a period gets one statement. If the ledger of a tenant cannot be
        trusted, an alert names it. Its tenant waits, and so do those that used a deployment paid by
        the hour which it used too.
        """
        await self.tenancy.refresh()
        self._allocations.clear()
        counted_until = await self.progress.counted_until()
        has_closed = False
        for tenant in self.tenancy.directory.tenants() if tenants is None else tenants:
            if self._next_due.get(tenant, 0) > at:
                continue
            # Let other work in this process take its turn: a tenant takes milliseconds.
            await asyncio.sleep(0)
            try:
                async for found in self._tenant(tenant, at, counted_until, ahead):
                    has_closed = has_closed or isinstance(found, Closed)
                    yield found
                self._lagging.discard(tenant)
            except (InvariantBroken, LedgerLagError) as fault:
                # A replica catches up by the next run, and a page that has gone never does.
                if not isinstance(fault, LedgerLagError) or tenant in self._lagging:
                    self.alerts.alert(f"closing {tenant}: {fault}", "closing")
                self._lagging.add(tenant)
                yield Waiting(tenant, "", str(fault))
        if has_closed:
            await self.after_close()

    async def due(self, at: Instant, tenants: Sequence[str]) -> AsyncIterator[Waiting]:
        """Yield the first period of each tenant that is over but not closed, without closing it."""
        await self.tenancy.refresh()
        counted_until = await self.progress.counted_until()
        for tenant in tenants:
            # A store that answers at once would let nothing else run.
            await asyncio.sleep(0)
            try:
                latest = await self.statements.latest_statement(tenant)
                period = await self._next(tenant, latest, at)
                if period.end <= at:
                    waiting = await self._waiting(tenant, period, at, counted_until)
                    yield waiting or Waiting(tenant, period.name, "due")
            except (InvariantBroken, LedgerLagError) as fault:
                yield Waiting(tenant, "", str(fault))

    async def _tenant(
        self, tenant: str, at: Instant, counted_until: Instant, ahead: Ahead | None
    ) -> AsyncIterator[Closed | Waiting]:
        latest = await self.statements.latest_statement(tenant)
        if latest is not None:
            await self._settle(latest)
        period = await self._next(tenant, latest, at)
        while period.end <= at and (ahead is None or ahead.allows(period)):
            waiting = await self._waiting(tenant, period, at, counted_until)
            reason = None if waiting else await self._allocations.lacking(tenant, period)
            if waiting is not None or reason is not None:
                yield waiting or Waiting(tenant, period.name, reason or "")
                return
            latest = await self._close(tenant, period, latest, at)
            yield _closed(latest)
            period = self.tenancy.directory.period_at(tenant, latest.period.end)
        if ahead is None and latest is not None:
            # Before the first statement, late usage may still bring an earlier period.
            self._next_due[tenant] = period.end

    async def _next(self, tenant: str, latest: Statement | None, at: Instant) -> Period:
        """Return the tenant's first period that is not closed."""
        directory = self.tenancy.directory
        if latest is not None:
            return directory.period_at(tenant, latest.period.end)
        since = directory.since(tenant)
        starts = [ledger.start for ledger in await self.ledgers.ledgers(tenant)]
        return directory.period_at(tenant, min(at if since is None else since, at, *starts))

    async def _waiting(
        self, tenant: str, period: Period, at: Instant, counted_until: Instant
    ) -> Waiting | None:
        """Return the reason why a period that is over cannot be closed; None if it can."""
        grace_ends = period.end + self.patience.grace
        latest = grace_ends + self.patience.pending
        if at < grace_ends:
            return Waiting(tenant, period.name, "grace", grace_ends)
        if counted_until < min(grace_ends, at):
            reason = f"events up to {format_instant(grace_ends)} are still being counted"
            return Waiting(tenant, period.name, reason, uncounted_since=grace_ends)
        if at >= latest:
            return None
        head = await head_of(self.ledgers, LedgerId(tenant, period.start))
        if head is None:
            return None
        found = unsettled(head, at)
        missing = ((found.pending, "without counts"), (found.unpriced, "without a price"))
        reasons = [f"{number} {what}" for number, what in missing if number]
        return Waiting(tenant, period.name, ", ".join(reasons), latest) if reasons else None

    async def _close(
        self, tenant: str, period: Period, previous: Statement | None, at: Instant
    ) -> Statement:
        """Write the statement of a period, or take the one that another process wrote first."""
        allocations = await self._allocations.of(period)
        statement = await self.drafts.draft(tenant, period, previous, at, allocations=allocations)
        if not await self.statements.put_statement(statement):
            theirs = await self.statements.read_statement(statement.ledger)
            if theirs is None:
                raise RetryableError(f"statement {statement.ledger}: exists but cannot be read yet")
            statement = theirs
        await self._settle(statement)
        return statement

    async def _settle(self, statement: Statement) -> None:
        """Record in the tenant's account the amounts that a statement took from its grants."""
        ledger = statement.ledger
        if not self.tenancy.directory.grants(ledger.tenant):
            return
        for _ in range(_MAX_RACES):
            stored = await self.accounts.read_account(ledger.tenant)
            account = Account(ledger.tenant) if stored is None else stored.account
            if account.has_settled(ledger):
                return
            settled = settle(account, ledger, Burnt(statement.burnt, 0))
            try:
                await self.accounts.replace_account(settled, stored.etag if stored else None)
            except HeadMovedError:
                continue
            return
        raise RetryableError(f"account {ledger.tenant}: other processes keep changing it")


def _closed(statement: Statement) -> Closed:
    found = statement.open
    return Closed(
        statement.ledger.tenant,
        statement.period.name,
        statement.currency,
        statement.total,
        found.pending + found.unpriced + found.missing,
    )
