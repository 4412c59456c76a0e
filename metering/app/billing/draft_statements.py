"""Draft statements: read all that a tenant's period comes to, and check it on the way."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.allocation import Sharing
from metering.core.basics.errors import LedgerBroken, RetryableError
from metering.core.basics.instants import Instant
from metering.core.billing.recomputation import NO_PAGES, Mark, Reckoned, Reckoning
from metering.core.billing.spends import at_last, spends_in, taken_from
from metering.core.billing.statement import (
    Bill,
    Late,
    Statement,
    StatementLine,
    due,
    lines_due,
    shareable,
    statement_of,
)
from metering.core.billing.statement_document import sealed
from metering.core.calendars.periods import LedgerId, Period
from metering.core.credit.account import Account
from metering.core.credit.grant import Burning, Burnt, Grant, Spend
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.ports import AccountStore, LedgerStore

#: Slots whose pages are in memory together while credit burns.
_SLOTS_AT_ONCE: Final = 12

type Marks = Mapping[LedgerId, Mark]
"""The last page of each ledger that is to be billed, where that was decided before."""


class DraftStatements:
    """Works out statements; what it reads is in them, so that anybody can do it again."""

    def __init__(self, *, ledgers: LedgerStore, accounts: AccountStore, tenancy: Tenancy) -> None:
        self._ledgers = ledgers
        self._accounts = accounts
        self._tenancy = tenancy

    async def draft(
        self,
        tenant: str,
        period: Period,
        previous: Statement | None,
        at: Instant,
        *,
        sharings: Iterable[Sharing] = (),
        through: Marks | None = None,
    ) -> Statement:
        """Return the statement of a period as of now, or as it was through some pages.

        Of `sharings` it bills those that are due by its end and not billed before. It is not
        stored, and no credit is burnt. The directory is as new as the last refresh.
        LedgerBroken for pages that do not add up; RetryableError where some are not there yet.
        """
        ledger = LedgerId(tenant, period.start)
        directory = self._tenancy.directory
        bill = Bill(
            ledger=ledger,
            period=period,
            plan=directory.plan_for(ledger),
            own=await self._reckon(ledger, NO_PAGES, through),
            late=[late async for late in self._late(ledger, previous, through)],
            sharings=[one for one in sharings if shareable(period, previous, one)],
            adjustments=[
                made
                for made in directory.adjustments(tenant)
                if period.start <= made.at < period.end
            ],
            previous=previous,
        )
        lines = lines_due(bill)
        return sealed(statement_of(bill, lines, await self._pay(bill, lines), at))

    async def _late(
        self, ledger: LedgerId, previous: Statement | None, through: Marks | None
    ) -> AsyncIterator[Late]:
        """Yield the tenant's earlier ledgers that have changed since they were billed."""
        billed: Marks = previous.billed if previous else {}
        for earlier in await self._ledgers.ledgers(ledger.tenant):
            since = billed.get(earlier, NO_PAGES)
            if earlier.start >= ledger.start or not await self._has_more(earlier, since, through):
                continue
            reckoned = await self._reckon(earlier, since, through)
            directory = self._tenancy.directory
            yield Late(directory.period_of(earlier), directory.plan_for(earlier), reckoned)

    async def _has_more(self, ledger: LedgerId, since: Mark, through: Marks | None) -> bool:
        if through is not None:
            return through.get(ledger, NO_PAGES).page > since.page
        stored = await self._ledgers.read_head(ledger)
        return stored is not None and stored.head.pages > since.page

    async def _reckon(self, ledger: LedgerId, since: Mark, through: Marks | None) -> Reckoned:
        """Return what a ledger comes to through a page; as of now its head must say the same."""
        reckoning = Reckoning(ledger, since)
        if through is not None:
            mark = through.get(ledger, NO_PAGES)
            await self._read(reckoning, ledger, mark.page)
            found = reckoning.result()
            if found.through != mark:
                raise LedgerBroken(str(ledger), f"page {mark.page} is not the one that was billed")
            return found
        stored = await self._ledgers.read_head(ledger)
        head = stored.head if stored else Head(ledger)
        await self._read(reckoning, ledger, head.pages)
        reckoning.must_give(head)
        return reckoning.result()

    async def _read(self, reckoning: Reckoning, ledger: LedgerId, pages: int) -> None:
        if not pages:
            return
        async for page in self._ledgers.pages(ledger):
            if page.number > pages:
                # Committed since the head was read.
                break
            reckoning.add(page)
        if reckoning.pages < pages:
            raise RetryableError(f"ledger {ledger}: page {reckoning.pages + 1} is not there yet")

    async def _pay(self, bill: Bill, lines: Sequence[StatementLine]) -> Burnt:
        """Return what grants pay of a bill: its usage in order of time, and the rest at the end."""
        last = bill.period.end - 1
        grants = [
            grant
            for grant in self._tenancy.directory.grants(bill.ledger.tenant)
            if grant.currency == bill.currency
            and grant.start <= last
            and bill.period.start < grant.end
        ]
        if not grants:
            return Burnt({}, 0)
        burning = Burning(grants, await self._settled_before(bill.ledger, grants))
        left = due(lines)
        async for spends in self._spends(bill.own):
            burning.pay(taken_from(left, spends))
        burning.pay(at_last(left, last))
        return burning.burnt

    async def _settled_before(self, ledger: LedgerId, grants: Sequence[Grant]) -> Mapping[str, int]:
        """Return what the periods before took from these grants."""
        stored = await self._accounts.read_account(ledger.tenant)
        account = Account(ledger.tenant) if stored is None else stored.account
        earlier = {of: took for of, took in account.burnt.items() if of.start < ledger.start}
        settled = Account(ledger.tenant, earlier).settled
        return {grant.id: settled.get(grant.id, 0) for grant in grants}

    async def _spends(self, own: Reckoned) -> AsyncIterator[list[Spend]]:
        """Yield what the period's entries came to in order of time, some slots at once."""
        ledger, slots = own.head.ledger, sorted(own.pages_of)
        for first in range(0, len(slots), _SLOTS_AT_ONCE):
            some = slots[first : first + _SLOTS_AT_ONCE]
            wanted = {number for slot in some for number in own.pages_of[slot]}
            found: list[Page] = [
                page
                for page in await self._ledgers.read_slots(ledger, some)
                if page.number in wanted
            ]
            if len(found) != len(wanted):
                raise RetryableError(f"ledger {ledger}: some of its pages are not there yet")
            yield spends_in(sorted(found, key=lambda page: page.number))
