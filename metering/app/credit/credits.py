"""The credit of a tenant: its grants, less the spending of closed and open periods."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.ledger.reading import listed_head, pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.billing.charge import charge
from metering.core.billing.spends import (
    Amounts,
    UsedBySpan,
    charged_by_channel,
    cuts_in,
    open_spends,
    used_at_some_time,
)
from metering.core.calendars.dated import soonest
from metering.core.calendars.periods import LedgerId, Period
from metering.core.credit.account import Account
from metering.core.credit.credit import Bounds, CreditBalance, OpenSpend, credit_balance
from metering.core.credit.grant import Grant
from metering.core.ledger.head import Head
from metering.ports import AccountStore, Clock, LedgerStore

#: Ledgers whose usage by time is cached: a few sums each.
_MAX_REMEMBERED: Final = 1_000


class _Open(NamedTuple):
    """A ledger that is not settled, as its head was read."""

    head: Head
    period: Period
    charged: Amounts


@dataclass(slots=True, kw_only=True)
class Credits:
    """The use case behind `metering grants list`; admission uses it too."""

    ledgers: LedgerStore
    accounts: AccountStore
    tenancy: Tenancy
    clock: Clock
    _used: OrderedDict[LedgerId, UsedBySpan] = field(init=False, default_factory=OrderedDict)

    async def of(self, tenant: str) -> CreditBalance:
        """Return a tenant's credit in the currency of its plan, as committed up to now.

        It reads the account and the head of every ledger that is not settled. If a grant begins or
        ends inside such a ledger's period and the heads do not determine the credit, it also reads
        the ledger's pages: all of them once, and from then on the new ones.
        """
        await self.tenancy.refresh_if_due()
        now = self.clock.now()
        directory = self.tenancy.directory
        plan, _, _ = directory.plan_of(tenant, now)
        grants = [one for one in directory.grants(tenant) if one.currency == plan.currency]
        # Read before the heads, so that a ledger settled in between counts once, as open.
        stored = await self.accounts.read_account(tenant)
        account = Account(tenant) if stored is None else stored.account
        ledgers = await self._open(account, grants, plan.currency)
        settled = account.settled

        def balance(spends: Sequence[OpenSpend]) -> CreditBalance:
            return credit_balance(tenant, plan.currency, grants, settled, spends, now)

        rough = [
            spend
            for one in ledgers
            for spend in open_spends(
                [used_at_some_time(one.head, one.period, soonest(now))], one.charged, one.period
            )
        ]
        found = balance(rough)
        if _is_exact(found) or not any(cuts_in(one.period, grants) for one in ledgers):
            return found
        return balance([spend for one in ledgers for spend in await self._by_time(one, grants)])

    async def _open(self, account: Account, grants: Sequence[Grant], currency: str) -> list[_Open]:
        """Return the unsettled ledgers that grants may have to pay for."""
        found = []
        for ledger in await self.ledgers.ledgers(account.tenant) if grants else ():
            period = self.tenancy.directory.period_of(ledger)
            plan = self.tenancy.directory.plan_for(ledger)
            is_payable = plan.currency == currency and any(
                grant.start < period.end and period.start < grant.end for grant in grants
            )
            if account.has_settled(ledger) or not is_payable:
                continue
            # Without a head its charge is unknown: that is an error, not a charge of zero.
            head = await listed_head(self.ledgers, ledger)
            charged = charged_by_channel(charge(head.lines, plan))
            found.append(_Open(head, period, charged))
        return found

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
        return open_spends(used.spans(), one.charged, one.period)


def _is_exact(found: CreditBalance) -> bool:
    """Say whether the credit left is known exactly, for every channel."""
    least, most = found.remaining
    has_bounds = any(_differ(one.remaining) for one in found.grants)
    return least == most and not has_bounds


def _differ(bounds: Bounds) -> bool:
    return bounds.at_least != bounds.at_most
