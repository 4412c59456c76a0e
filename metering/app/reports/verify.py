"""Prove ledgers: fold their pages again, check every entry, and compare head and rollup."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Final

from metering.app.ledger.reading import head_of, stored_pages
from metering.app.reports.rollup_reading import read_listed
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken, RollupBroken
from metering.core.basics.instants import format_instant
from metering.core.basics.money import Amount
from metering.core.billing.recomputation import TotalsAt
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import Recorded
from metering.core.ledger.double_counts import Doubts, Elsewhere, Identities, Named
from metering.core.ledger.effect_proof import EffectProof
from metering.core.ledger.head import Head
from metering.core.ledger.proof import EntryCheck, Proof, no_check
from metering.core.reports.rollup import Cursor, RollupProof
from metering.core.reports.terms_proof import TermsProof
from metering.ports import Clock, EffectStore, LedgerStore, RollupStore

#: Effects of one ledger that are compared: 50 quotas with five thresholds in each hour of a month
#: are 186,000.
_MAX_EFFECTS: Final = 200_000
#: Attempts to read a rollup while it is being written, before it is reported as wrong.
_LOOKS: Final = 5


type Positions = Mapping[LedgerId, Iterable[Recorded]]
NO_POSITIONS: Final[Positions] = {}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of verifying one ledger; it is proven if there are no faults."""

    ledger: LedgerId
    pages: int
    entries: int
    amount: Amount
    last_hash: str
    faults: tuple[str, ...] = field(default=())


type Told = Callable[[Verdict, TotalsAt], Awaitable[None]]
"""Told of each ledger as soon as it was read, with its totals at the recorded positions."""


async def tell_nobody(_: Verdict, __: TotalsAt) -> None:
    """Do nothing."""


@dataclass(slots=True)
class Verify:
    """The use case behind `metering verify`."""

    store: LedgerStore
    rollups: RollupStore
    tenancy: Tenancy
    effects: EffectStore
    clock: Clock

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that are listed, of one tenant or of all."""
        return await self.store.ledgers(tenant)

    async def with_pages(self, tenant: str | None = None) -> set[LedgerId]:
        """Return the ledgers that have any page, listed or not. A look at every page."""
        found = await self.store.ledgers_of_pages()
        return {ledger for ledger in found if tenant in {None, ledger.tenant}}

    async def all(
        self,
        ledgers: Sequence[LedgerId],
        recorded: Positions = NO_POSITIONS,
        told: Told = tell_nobody,
    ) -> list[Verdict]:
        """Verify ledgers, each by itself and all against each other: an id counts in one of them.

        `recorded` has positions that they must have. Reads every page, and once more those of
        ledgers that share an id.
        """
        await self.tenancy.refresh()
        identities, verdicts = Identities(), dict[LedgerId, Verdict]()
        for ledger in ledgers:
            positions = list(recorded.get(ledger, ()))
            totals = TotalsAt(one.position for one in positions)
            verdict, own = await self._one(ledger, positions, totals)
            verdicts[ledger] = self._with_known_tenant(verdict)
            identities.extend(own)
            await told(verdicts[ledger], totals)
        shared = identities.doubts().keys
        if shared:
            elsewhere = Elsewhere(shared)
            for ledger in ledgers:
                await self._read(ledger, elsewhere)
            for ledger, faults in elsewhere.faults().items():
                known = verdicts[ledger]
                verdicts[ledger] = replace(known, faults=(*known.faults, *faults))
        return list(verdicts.values())

    def _with_known_tenant(self, verdict: Verdict) -> Verdict:
        if self.tenancy.directory.since(verdict.ledger.tenant) is not None:
            return verdict
        return replace(verdict, faults=(*verdict.faults, "the registry does not know its tenant"))

    async def one(self, ledger: LedgerId) -> Verdict:
        """Verify one ledger. The verdict lists its faults; damage raises nothing."""
        await self.tenancy.refresh()
        return (await self._one(ledger, (), TotalsAt(())))[0]

    async def _one(
        self, ledger: LedgerId, recorded: Iterable[Recorded], totals: TotalsAt
    ) -> tuple[Verdict, Identities]:
        # Read before the head, so that the rollup is never ahead of it.
        rolled_up, rollup_faults = await self._rollup(ledger)
        try:
            head = await head_of(self.store, ledger) or Head(ledger)
        except LedgerBroken as fault:
            return Verdict(ledger, 0, 0, 0, "", (fault.reason, *rollup_faults)), Identities()
        proof = Proof(ledger, self.tenancy.directory.period_of(ledger), self._check(ledger))
        proof.expect(recorded)
        effects = EffectProof()
        try:
            async for page in stored_pages(self.store, ledger, through=head.position):
                before = proof.folded
                proof.add(page)
                effects.add(before, proof.folded)
                rolled_up.add(page)
                totals.add(page, proof.folded)
            told = await self.effects.effects_of(ledger, _MAX_EFFECTS)
            proof.note(*effects.faults(one for one in told if one.page <= head.pages))
            rollup_faults.extend(rolled_up.faults())
        except LedgerBroken as fault:
            proof.faults.append(fault.reason)
        proof.compare(head)
        proof.faults.extend([fault async for fault in self._left_behind(ledger, head.pages)])
        if head.is_ahead(self.clock.now()):
            proof.faults.append(
                f"its time is {format_instant(head.committed)}: a process with a clock ahead has"
                " committed to it; the next commit sets it right"
            )
        proof.note(*await self._named(ledger, proof.doubts))
        faults = (*proof.faults, *rollup_faults)
        verdict = Verdict(ledger, head.pages, head.entries, head.amount, head.last_hash, faults)
        return verdict, proof.identities

    def _check(self, ledger: LedgerId) -> EntryCheck:
        """Return the check of entries against the terms of a tenant that the registry knows."""
        directory = self.tenancy.directory
        if directory.since(ledger.tenant) is None:
            return no_check
        tenancy = self.tenancy
        cards = tenancy.terms_book.cards
        return TermsProof(ledger, directory, tenancy.prices, cards).wrong_with

    async def _named(self, ledger: LedgerId, doubts: Doubts) -> list[str]:
        """Read a ledger once more to name what its pages leave in doubt."""
        named = Named(doubts)
        if doubts:
            await self._read(ledger, named)
        return named.faults()

    async def _read(self, ledger: LedgerId, reader: Named | Elsewhere) -> None:
        """Give a reader the pages of a ledger, as far as they can be read."""
        try:
            head = await head_of(self.store, ledger) or Head(ledger)
            async for page in stored_pages(self.store, ledger, through=head.position):
                reader.add(page)
        except LedgerBroken:
            return

    async def _left_behind(self, ledger: LedgerId, last: int) -> AsyncIterator[str]:
        """Yield what is there beyond the last page: a restore of the ledger has left it.

        Pages that follow the last one were committed meanwhile, or the head lags.
        """
        if await self.store.read_page(ledger, last + 1) is not None:
            return
        try:
            async with aclosing(self.store.pages(ledger, after=last + 1)) as found:
                beyond = [page.number async for page in found]
        except LedgerBroken as fault:
            yield f"beyond its last page {last}: {fault.reason}"
            return
        if beyond and await self.store.read_page(ledger, last + 1) is None:
            yield (
                f"its last page is {last}, but page {beyond[0]} is there"
                f" ({len(beyond)} in all): `metering repair` sets them aside"
            )
        for effect in await self.effects.effects_of(ledger, 1):
            if effect.page > last and await self.store.read_page(ledger, effect.page) is None:
                yield f"{effect.id} is there without its page: `metering repair` sets it aside"

    async def _rollup(self, ledger: LedgerId) -> tuple[RollupProof, list[str]]:
        """Return a proof to compare with the pages, and the faults of the rollup itself."""
        faults: list[str] = []
        for _ in range(_LOOKS):
            try:
                stored = await self.rollups.read_cursor(ledger)
                if stored is None:
                    break
                cursor = stored.cursor
                proof = RollupProof(cursor)
                async for part in read_listed(self.rollups, cursor, cursor.parts.keys()):
                    proof.add_part(part)
            except RollupBroken as fault:
                faults = [f"its rollup's {fault.reason}"]
                continue
            return proof, []
        return RollupProof(Cursor(ledger)), faults
