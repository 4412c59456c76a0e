"""The credit of a tenant: its grants, less the spending of closed and open periods."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.allocation.accruals import Accruals
from metering.app.ledger.reading import head_of, listed_head, pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.billing.charge import charge
from metering.core.billing.spends import (
    Due,
    UsedBySpan,
    cuts_in,
    due_of,
    open_spends,
    used_at_some_time,
)
from metering.core.billing.statement import CAPACITY_CHANNEL, Statement
from metering.core.calendars.dated import soonest
from metering.core.calendars.periods import LedgerId, Period
from metering.core.calendars.windows import Window
from metering.core.credit.account import Account, settle
from metering.core.credit.credit import Bounds, CreditBalance, OpenSpend, credit_balance
from metering.core.credit.grant import Burnt, Grant
from metering.core.credit.run_out import Rate, with_run_out
from metering.core.ledger.head import Head
from metering.core.ledger.projection import FIRST_FORECAST
from metering.ports import AccountStore, Clock, LedgerStore, StatementStore

#: Ledgers whose usage by time is cached: a few sums each.
_MAX_REMEMBERED: Final = 1_000


class _Open(NamedTuple):
    """A period that is not settled, as the head of its ledger was read."""

    head: Head
    period: Period
    due: Due


class _Opened(NamedTuple):
    """The periods of a tenant that are not settled, and the credit owed beyond them."""

    periods: list[_Open]
    carried: Amount


@dataclass(slots=True, kw_only=True)
class Credits:
    """The use case behind `metering grants list`; admission uses it too."""

    ledgers: LedgerStore
    accruals: Accruals
    statements: StatementStore
    accounts: AccountStore
    tenancy: Tenancy
    clock: Clock
    _used: OrderedDict[LedgerId, UsedBySpan] = field(init=False, default_factory=OrderedDict)

    async def where_used(self, tenant: str) -> CreditBalance | None:
        """Return the credit of a tenant that has grants or is prepaid; None for any other.

        With the dates at which it runs out.
        """
        await self.tenancy.refresh_if_due()
        directory = self.tenancy.directory
        plan, _, _ = directory.plan_of(tenant, self.clock.now())
        has_credit = directory.grants(tenant) or plan.billing == "prepaid"
        return await self.forecast(tenant) if has_credit else None

    async def forecast(self, tenant: str) -> CreditBalance:
        """Return a tenant's credit with the dates at which it runs out at the tenant's own rate.

        It reads one or two heads beyond those of `of`.
        """
        found = await self.of(tenant)
        return with_run_out(found, await self._rate(found))

    async def _rate(self, found: CreditBalance) -> Rate:
        """Return what the tenant used since the start of its period.

        Before a tenth of the period has passed, since the start of the one before, if that has
        usage in the same currency.
        """
        directory, tenant, at = self.tenancy.directory, found.tenant, found.at
        period = directory.period_at(tenant, at)
        rate = Rate(await self._amount(LedgerId(tenant, period.start)) or 0, at - period.start)
        if rate.elapsed * FIRST_FORECAST >= period.end - period.start:
            return rate
        before = LedgerId(tenant, directory.period_at(tenant, period.start - 1).start)
        earlier = await self._amount(before)
        if earlier is None or directory.plan_for(before).currency != found.currency:
            return rate
        return Rate(rate.used + earlier, at - before.start)

    async def _amount(self, ledger: LedgerId) -> Amount | None:
        head = await head_of(self.ledgers, ledger)
        return None if head is None else head.amount

    async def of(self, tenant: str) -> CreditBalance:
        """Return a tenant's credit in the currency of its plan, as committed up to now.

        It reads the account, the last statement and the head of every ledger that is not settled.
        If a grant begins or ends inside such a ledger's period and the heads do not determine the
        credit, it also reads the ledger's pages: all of them once, and from then on the new ones.
        """
        await self.tenancy.refresh_if_due()
        now = self.clock.now()
        directory = self.tenancy.directory
        plan, _, _ = directory.plan_of(tenant, now)
        grants = [one for one in directory.grants(tenant) if one.currency == plan.currency]
        # Read before the heads, so that a ledger settled in between counts once, as open.
        stored = await self.accounts.read_account(tenant)
        account = Account(tenant) if stored is None else stored.account
        latest = await self.statements.latest_statement(tenant)
        if latest is not None and latest.burnt:
            # The account follows its statement: a crash may have come in between.
            account = settle(account, latest.ledger, Burnt(latest.burnt, 0))
        opened = await self._open(account, latest, grants, now)
        settled = account.settled

        def balance(spends: Sequence[OpenSpend]) -> CreditBalance:
            return credit_balance(
                tenant, plan.currency, grants, settled, spends, now, opened.carried
            )

        rough = [
            spend
            for one in opened.periods
            for spend in open_spends(
                [used_at_some_time(one.head, one.period, soonest(now))], one.due, one.period
            )
        ]
        found = balance(rough)
        if _is_exact(found) or not any(cuts_in(one.period, grants) for one in opened.periods):
            return found
        return balance(
            [spend for one in opened.periods for spend in await self._by_time(one, grants)]
        )

    async def _open(
        self, account: Account, latest: Statement | None, grants: Sequence[Grant], now: Instant
    ) -> _Opened:
        """Return the periods that are not settled; what is carried pays for the earliest first."""
        tenant, directory = account.tenant, self.tenancy.directory
        currency = directory.plan_of(tenant, now)[0].currency
        carried = latest.carried.get(currency, 0) if latest is not None else 0
        current = LedgerId(tenant, directory.period_at(tenant, now).start)
        listed = await self.ledgers.ledgers(tenant)
        unbilled = await self._unbilled(latest, current)
        found = []
        for ledger in sorted({*listed, current}):
            is_settled = account.has_settled(ledger) or (
                latest is not None and ledger <= latest.ledger
            )
            period, plan = directory.period_of(ledger), directory.plan_for(ledger)
            credited = directory.adjusted(tenant, period)
            if is_settled or plan.currency != currency:
                continue
            if not (carried or credited or any(grant.overlaps(period) for grant in grants)):
                continue
            # Without a head its charge is unknown: that is an error, not a charge of zero.
            is_listed = ledger in listed
            head = await listed_head(self.ledgers, ledger) if is_listed else Head(ledger)
            own = [(line.channel, line.amount) for line in charge(head.lines, plan).lines]
            others: list[tuple[str | None, Amount]] = [(None, -carried)]
            others += ((None, made.adjustment.units) for made in credited)
            if ledger == current:
                others.append((CAPACITY_CHANNEL, unbilled))
            carried = max(0, -sum(amount for _, amount in [*own, *others]))
            found.append(_Open(head, period, due_of(own, others)))
        return _Opened(found, carried)

    async def _unbilled(self, latest: Statement | None, current: LedgerId) -> Amount:
        """Return the accrued cost of provisioned units that no statement has billed.

        A statement to come has it in its last instant, so it is due at the end of the period.
        """
        period = self.tenancy.directory.period_of(current)
        accrued = await self.accruals.of(
            current.tenant, Window(period.start - 31 * DAY, period.end)
        )
        billed = () if latest is None else latest.shared
        return sum(
            one.amount for one in accrued.billable if (one.deployment, one.month.name) not in billed
        )

    async def _by_time(self, one: _Open, grants: Sequence[Grant]) -> list[OpenSpend]:
        """Return the spending of a ledger, split where grants begin and end."""
        ledger, last = one.head.ledger, one.head.position
        cuts = cuts_in(one.period, grants)
        used = self._used.pop(ledger, None)
        if used is None or used.cuts != cuts or used.through.page > last.page:
            used = UsedBySpan(one.period, cuts)
        async for page in pages(self.ledgers, ledger, since=used.through, through=last):
            used.add(page)
        self._used[ledger] = used
        if len(self._used) > _MAX_REMEMBERED:
            self._used.popitem(last=False)
        return open_spends(used.spans(), one.due, one.period)


def _is_exact(found: CreditBalance) -> bool:
    """Say whether the credit left is known exactly, for every channel."""
    least, most = found.remaining
    has_bounds = any(_differ(one.remaining) for one in found.grants)
    return least == most and not has_bounds


def _differ(bounds: Bounds) -> bool:
    return bounds.at_least != bounds.at_most
