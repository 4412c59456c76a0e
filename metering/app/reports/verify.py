"""Prove a ledger: fold its pages again and compare its head and rollup; no id counts twice."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from metering.app.ledger.reading import head_of, stored_pages
from metering.app.reports.rollup_reading import read_listed
from metering.core.basics.errors import LedgerBroken, RollupBroken
from metering.core.basics.instants import format_instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.ledger.proof import Proof
from metering.core.reports.rollup import Cursor, RollupProof
from metering.ports import Clock, EffectStore, LedgerStore, RollupStore

#: Attempts to read a rollup while it is being written, before it is reported as wrong.
_LOOKS: Final = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of verifying one ledger; it is proven if there are no faults."""

    ledger: LedgerId
    pages: int
    entries: int
    amount: Amount
    last_hash: str
    faults: tuple[str, ...] = field(default=())


@dataclass(slots=True)
class Verify:
    """The use case behind `metering verify`."""

    store: LedgerStore
    rollups: RollupStore
    effects: EffectStore
    clock: Clock

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers to verify."""
        return await self.store.ledgers(tenant)

    async def one(self, ledger: LedgerId) -> Verdict:
        """Verify one ledger. The verdict lists its faults; damage raises nothing."""
        # Read before the head, so that the rollup is never ahead of it.
        rolled_up, rollup_faults = await self._rollup(ledger)
        try:
            head = await head_of(self.store, ledger) or Head(ledger)
        except LedgerBroken as fault:
            return Verdict(ledger, 0, 0, 0, "", (fault.reason, *rollup_faults))
        proof = Proof(ledger)
        try:
            async for page in stored_pages(self.store, ledger, through=head.position):
                proof.add(page)
                rolled_up.add(page)
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
        faults = (*proof.faults, *rollup_faults)
        return Verdict(ledger, head.pages, head.entries, head.amount, head.last_hash, faults)

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
