"""Prove a ledger: fold its pages again and compare its head and rollup; no id counts twice."""

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
        faults = (*proof.faults, *rollup_faults)
        return Verdict(ledger, head.pages, head.entries, head.amount, head.last_hash, faults)

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
