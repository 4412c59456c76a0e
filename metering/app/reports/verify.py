"""Prove a ledger: fold its pages anew and compare with its head and its rollup; no id twice."""

from dataclasses import dataclass, field
from typing import Final

from metering.app.ledger.reading import head_of, stored_pages
from metering.app.reports.rollup_reading import read_listed
from metering.core.basics.errors import LedgerBroken, RollupBroken
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.head import Head
from metering.core.ledger.proof import Proof
from metering.core.reports.rollup import Cursor, RollupProof
from metering.ports import LedgerStore, RollupStore

#: Looks at a rollup that somebody writes to meanwhile, before it is called wrong.
_LOOKS: Final = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying one ledger found; without faults it is proven."""

    ledger: LedgerId
    pages: int
    entries: int
    amount: Amount
    last_hash: str
    faults: tuple[str, ...] = field(default=())


class Verify:
    """The use case behind `metering verify`."""

    def __init__(self, store: LedgerStore, rollups: RollupStore) -> None:
        self._store = store
        self._rollups = rollups

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers there are to verify."""
        return await self._store.ledgers(tenant)

    async def one(self, ledger: LedgerId) -> Verdict:
        """Verify one ledger; what is wrong with it is in the verdict, not raised."""
        # Before the head: it goes no further than a head that is read after it.
        rolled_up, rollup_faults = await self._rollup(ledger)
        try:
            head = await head_of(self._store, ledger) or Head(ledger)
        except LedgerBroken as fault:
            return Verdict(ledger, 0, 0, 0, "", (fault.reason, *rollup_faults))
        proof = Proof(ledger)
        try:
            async for page in stored_pages(self._store, ledger, through=head.position):
                proof.add(page)
                rolled_up.add(page)
            rollup_faults.extend(rolled_up.faults())
        except LedgerBroken as fault:
            proof.faults.append(fault.reason)
        proof.compare(head)
        faults = (*proof.faults, *rollup_faults)
        return Verdict(ledger, head.pages, head.entries, head.amount, head.last_hash, faults)

    async def _rollup(self, ledger: LedgerId) -> tuple[RollupProof, list[str]]:
        """Return the proof that the pages must settle, and what is wrong with the rollup itself."""
        faults: list[str] = []
        for _ in range(_LOOKS):
            try:
                stored = await self._rollups.read_cursor(ledger)
                if stored is None:
                    break
                cursor = stored.cursor
                proof = RollupProof(cursor)
                async for part in read_listed(self._rollups, cursor, cursor.parts.keys()):
                    proof.add_part(part)
            except RollupBroken as fault:
                faults = [f"its rollup's {fault.reason}"]
                continue
            return proof, []
        return RollupProof(Cursor(ledger)), faults
