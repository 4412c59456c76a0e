"""Draft statements from the ledgers of a tenant, and check the ledgers on the way."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from typing import Final

from metering.app.ledger.reading import head_of, pages, pages_of_slots
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.allocation import Allocation
from metering.core.basics.instants import Instant
from metering.core.billing.recomputation import Recomputation, Recomputed, TotalsAt
from metering.core.billing.spends import spends_in, taken_from
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
from metering.core.ledger.chain import START, Position
from metering.core.ledger.head import Head
from metering.core.ledger.proof import EntryCheck, no_check
from metering.core.reports.terms_proof import TermsProof
from metering.ports import AccountStore, LedgerStore, StatementStore

#: Slots whose pages are in memory together while grants pay.
_SLOTS_AT_ONCE: Final = 12

type Positions = Mapping[LedgerId, Position]
"""The position through which each ledger is billed."""


@dataclass(slots=True, kw_only=True)
class DraftStatements:
    """Drafts statements; a statement names its sources, so that it can be derived again."""

    ledgers: LedgerStore
    statements: StatementStore
    accounts: AccountStore
    tenancy: Tenancy
    checks_terms: bool = True
    """Whether entries are held against the terms too; not where that has been done already."""
    totals: Mapping[LedgerId, TotalsAt] = field(default_factory=dict)
    """The totals of ledgers that have just been proven: their pages are not read again."""

    async def draft(
        self,
        tenant: str,
        period: Period,
        previous: Statement | None,
        at: Instant,
        *,
        allocations: Iterable[Allocation] = (),
        through: Positions | None = None,
        drafted: Sequence[Statement] = (),
    ) -> Statement:
        """Return the statement of a period as of now, or through recorded positions.

        It bills those of `allocations` that are due by its end and were not billed before. What
        `drafted` took from grants is spent, though no account has it yet. Nothing
        is stored and no grant is debited. The directory is used as of its last refresh. Raises
        LedgerBroken if pages do not add up, and LedgerLagError if some cannot be read yet.
        """
        ledger = LedgerId(tenant, period.start)
        directory = self.tenancy.directory
        bill = Bill(
            ledger=ledger,
            period=period,
            plan=directory.plan_for(ledger),
            own=await self._recomputed(ledger, START, through),
            late=[late async for late in self._late(ledger, previous, through)],
            allocations=[one for one in allocations if shareable(period, previous, one)],
            adjustments=directory.adjusted(tenant, period),
            previous=previous,
        )
        lines = lines_due(bill)
        return sealed(statement_of(bill, lines, await self._pay(bill, lines, drafted), at))

    async def _late(
        self, ledger: LedgerId, previous: Statement | None, through: Positions | None
    ) -> AsyncIterator[Late]:
        """Yield the tenant's earlier ledgers that have changed since they were billed."""
        billed: Positions = previous.billed if previous else {}
        for earlier in await self.ledgers.ledgers(ledger.tenant):
            since = billed.get(earlier, START)
            if earlier.start >= ledger.start or not await self._has_more(earlier, since, through):
                continue
            recomputed = await self._recomputed(earlier, since, through)
            directory = self.tenancy.directory
            yield Late(
                directory.period_of(earlier),
                directory.plan_for(earlier),
                recomputed,
                has_statement=await self.statements.read_statement(earlier) is not None,
            )

    async def _has_more(self, ledger: LedgerId, since: Position, through: Positions | None) -> bool:
        if through is not None:
            return through.get(ledger, START).page > since.page
        head = await head_of(self.ledgers, ledger)
        return head is not None and head.pages > since.page

    async def _recomputed(
        self, ledger: LedgerId, since: Position, through: Positions | None
    ) -> Recomputed:
        """Return a ledger's totals through a position; as of now, its head must match them."""
        last = START if through is None else through.get(ledger, START)
        known = self.totals.get(ledger)
        taken = None if known is None else known.between(since, last)
        if taken is not None:
            return taken
        directory = self.tenancy.directory
        found = Recomputation(ledger, since, directory.period_of(ledger), self._check(ledger))
        head: Head | None = None
        if through is None:
            head = await head_of(self.ledgers, ledger) or Head(ledger)
            last = head.position
        async for page in pages(self.ledgers, ledger, through=last):
            found.add(page)
        if head is not None:
            found.require(head)
        return found.result()

    def _check(self, ledger: LedgerId) -> EntryCheck:
        if not self.checks_terms:
            return no_check
        tenancy = self.tenancy
        cards = tenancy.terms_book.cards
        return TermsProof(ledger, tenancy.directory, tenancy.prices, cards).wrong_with

    async def _pay(
        self, bill: Bill, lines: Sequence[StatementLine], drafted: Sequence[Statement]
    ) -> Burnt:
        """Return the payments of grants for usage in order of time, then for the rest."""
        last = bill.period.end - 1
        grants = [
            grant
            for grant in self.tenancy.directory.grants(bill.ledger.tenant)
            if grant.currency == bill.currency and grant.overlaps(bill.period)
        ]
        if not grants:
            return Burnt({}, 0)
        burning = Burning(grants, await self._settled_before(bill.ledger, grants, drafted))
        owed = due(lines)
        unused = dict(owed.usage)
        async for spends in self._spends(bill.own):
            burning.pay(taken_from(unused, spends))
        burning.settle(last, owed.beyond(unused))
        return burning.burnt

    async def _settled_before(
        self, ledger: LedgerId, grants: Sequence[Grant], drafted: Sequence[Statement]
    ) -> Mapping[str, int]:
        """Return the amounts that earlier periods took from these grants."""
        stored = await self.accounts.read_account(ledger.tenant)
        account = Account(ledger.tenant) if stored is None else stored.account
        burnt = {**{one.ledger: one.burnt for one in drafted}, **account.burnt}
        earlier = {of: took for of, took in burnt.items() if of.start < ledger.start}
        settled = Account(ledger.tenant, earlier).settled
        return {grant.id: settled.get(grant.id, 0) for grant in grants}

    async def _spends(self, own: Recomputed) -> AsyncIterator[list[Spend]]:
        """Yield the spends of the period's entries in order of time, some slots at once."""
        ledger, slots = own.head.ledger, sorted(own.pages_of)
        for some in batched(slots, _SLOTS_AT_ONCE, strict=False):
            numbers = [number for slot in some for number in own.pages_of[slot]]
            yield spends_in(await pages_of_slots(self.ledgers, ledger, some, numbers))
