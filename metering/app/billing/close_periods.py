"""Close periods: driven by state, so that whatever crashed before is taken up, in order.

A period is closed by one write: its statement, which is put only where there is none. What follows
(the tenant's account) is taken from the statement, and done again by whoever finds it undone.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

from metering.app.allocation.allocate import ShareOut
from metering.app.billing.draft_statements import DraftStatements
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.allocation import Sharing
from metering.core.basics.errors import HeadMovedError, InvariantBroken, RetryableError
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.basics.money import Amount
from metering.core.billing.statement import LOOK_BACK, Statement, unsettled
from metering.core.calendars.periods import LedgerId, Period, month_of
from metering.core.credit.account import Account, settle
from metering.core.credit.grant import Burnt
from metering.ports import AccountStore, Alerts, HubProgress, LedgerStore, StatementStore

#: After the end of a period: streams have got their counts or are given up within a day.
GRACE: Final[Instant] = DAY
#: After that: how long a period waits for counts and prices that are still to come.
PATIENCE: Final[Instant] = 3 * DAY
#: Races lost in a row on one account before the next run takes it up.
_MAX_RACES: Final = 5


class Patience(NamedTuple):
    """How long after its end a period is closed."""

    grace: Instant = GRACE
    """Nothing is closed before."""
    pending: Instant = PATIENCE
    """How much longer it waits for what is pending or unpriced."""


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
    """A period that is over and not closed, and why."""

    tenant: str
    period: str
    reason: str
    until: Instant | None = None
    """When it is closed at the latest; None where somebody has to do something."""
    uncounted_since: Instant | None = None
    """Where only the hubs hold it back: when it could have been closed."""


class ClosePeriods:
    """The use case behind the timer `close_periods` and `metering close`."""

    def __init__(  # noqa: PLR0913, each is a port
        self,
        *,
        ledgers: LedgerStore,
        statements: StatementStore,
        accounts: AccountStore,
        tenancy: Tenancy,
        drafts: DraftStatements,
        share_out: ShareOut,
        progress: HubProgress,
        alerts: Alerts,
        patience: Patience = DEFAULT_PATIENCE,
    ) -> None:
        self._ledgers = ledgers
        self._statements = statements
        self._accounts = accounts
        self._tenancy = tenancy
        self._drafts = drafts
        self._share_out = share_out
        self._progress = progress
        self._alerts = alerts
        self._patience = patience
        # What a process knows without asking: nothing of a tenant is due before.
        self._next_due: dict[str, Instant] = {}
        # Of one run: the capacity of a month is shared out once, for all tenants.
        self._shared_out: dict[Period, list[Sharing]] = {}

    async def run(
        self, at: Instant, tenants: Sequence[str] | None = None
    ) -> AsyncIterator[Closed | Waiting]:
        """Close every period that is due at an instant, tenant by tenant; yield what was found.

        Safe to repeat, to cut off anywhere and to run twice at once: a period has one statement,
        whoever wrote it. A tenant whose ledger cannot be trusted is alerted and waits alone.
        """
        await self._tenancy.refresh()
        self._shared_out.clear()
        counted_until = await self._progress.counted_until()
        for tenant in self._tenancy.directory.tenants() if tenants is None else tenants:
            if self._next_due.get(tenant, 0) > at:
                continue
            # Milliseconds each: whoever else works in this process takes turns with it.
            await asyncio.sleep(0)
            try:
                async for found in self._tenant(tenant, at, counted_until):
                    yield found
            except InvariantBroken as fault:
                self._alerts.alert(f"closing {tenant}: {fault}")
                yield Waiting(tenant, "", str(fault))

    async def due(self, at: Instant, tenants: Sequence[str]) -> AsyncIterator[Waiting]:
        """Yield the first period of each of these that is over and not closed; nothing is done."""
        await self._tenancy.refresh()
        counted_until = await self._progress.counted_until()
        for tenant in tenants:
            latest = await self._statements.latest_statement(tenant)
            period = await self._next(tenant, latest, at)
            if period.end <= at:
                waiting = await self._waiting(tenant, period, at, counted_until)
                yield waiting or Waiting(tenant, period.name, "due")

    async def _tenant(
        self, tenant: str, at: Instant, counted_until: Instant
    ) -> AsyncIterator[Closed | Waiting]:
        latest = await self._statements.latest_statement(tenant)
        if latest is not None:
            await self._settle(latest)
        period = await self._next(tenant, latest, at)
        while period.end <= at:
            waiting = await self._waiting(tenant, period, at, counted_until)
            if waiting is not None:
                yield waiting
                return
            latest = await self._close(tenant, period, latest, at)
            yield _closed(latest)
            period = self._tenancy.directory.period_at(tenant, latest.period.end)
        self._next_due[tenant] = period.end

    async def _next(self, tenant: str, latest: Statement | None, at: Instant) -> Period:
        """Return the tenant's first period that is not closed."""
        directory = self._tenancy.directory
        if latest is not None:
            return directory.period_at(tenant, latest.period.end)
        since = directory.since(tenant)
        starts = [ledger.start for ledger in await self._ledgers.ledgers(tenant)]
        return directory.period_at(tenant, min(at if since is None else since, at, *starts))

    async def _waiting(
        self, tenant: str, period: Period, at: Instant, counted_until: Instant
    ) -> Waiting | None:
        """Return why a period that is over is not closed yet; None if it can be."""
        grace_ends = period.end + self._patience.grace
        latest = grace_ends + self._patience.pending
        if at < grace_ends:
            return Waiting(tenant, period.name, "grace", grace_ends)
        if counted_until < min(grace_ends, at):
            reason = f"events up to {format_instant(grace_ends)} are still being counted"
            return Waiting(tenant, period.name, reason, uncounted_since=grace_ends)
        if at >= latest:
            return None
        stored = await self._ledgers.read_head(LedgerId(tenant, period.start))
        if stored is None:
            return None
        found = unsettled(stored.head, at)
        told = ((found.pending, "without counts"), (found.unpriced, "without a price"))
        reasons = [f"{number} {what}" for number, what in told if number]
        return Waiting(tenant, period.name, ", ".join(reasons), latest) if reasons else None

    async def _close(
        self, tenant: str, period: Period, previous: Statement | None, at: Instant
    ) -> Statement:
        """Write the statement of a period, or take the one that somebody else wrote meanwhile."""
        sharings = await self._sharings(period)
        statement = await self._drafts.draft(tenant, period, previous, at, sharings=sharings)
        if not await self._statements.put_statement(statement):
            theirs = await self._statements.read_statement(statement.ledger)
            if theirs is None:
                raise RetryableError(f"statement {statement.ledger}: is there and not yet readable")
            statement = theirs
        await self._settle(statement)
        return statement

    async def _sharings(self, period: Period) -> list[Sharing]:
        """Share out the capacity of the months that end by the end of a period."""
        found: list[Sharing] = []
        for month in self._months(period):
            if month not in self._shared_out:
                self._shared_out[month] = await self._share_out.run(month)
            found.extend(self._shared_out[month])
        return found

    def _months(self, period: Period) -> list[Period]:
        if not self._tenancy.directory.capacities():
            return []
        months = [month_of(month_of(period.end).start - 1)]
        while (before := month_of(months[-1].start - 1)).end > period.end - LOOK_BACK:
            months.append(before)
        return months

    async def _settle(self, statement: Statement) -> None:
        """Note in the tenant's account what a statement took from its grants."""
        ledger = statement.ledger
        if not self._tenancy.directory.grants(ledger.tenant):
            return
        for _ in range(_MAX_RACES):
            stored = await self._accounts.read_account(ledger.tenant)
            account = Account(ledger.tenant) if stored is None else stored.account
            if account.has_settled(ledger):
                return
            settled = settle(account, ledger, Burnt(statement.burnt, 0))
            try:
                await self._accounts.replace_account(settled, stored.etag if stored else None)
            except HeadMovedError:
                continue
            return
        raise RetryableError(f"account {ledger.tenant}: too many others are changing it")


def _closed(statement: Statement) -> Closed:
    found = statement.open
    return Closed(
        statement.ledger.tenant,
        statement.period.name,
        statement.currency,
        statement.total,
        found.pending + found.unpriced + found.missing,
    )
