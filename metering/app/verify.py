"""Prove a ledger: fold its pages anew and compare with its head; look for ids that count twice."""

from dataclasses import dataclass, field

from metering.core.errors import LedgerBroken
from metering.core.head import Head
from metering.core.money import Amount
from metering.core.periods import LedgerId
from metering.core.proof import Proof
from metering.ports import LedgerStore


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

    def __init__(self, store: LedgerStore) -> None:
        self._store = store

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers there are to verify."""
        return await self._store.ledgers(tenant)

    async def one(self, ledger: LedgerId) -> Verdict:
        """Verify one ledger; what is wrong with it is in the verdict, not raised."""
        try:
            stored = await self._store.read_head(ledger)
        except LedgerBroken as fault:
            return Verdict(ledger, 0, 0, 0, "", (fault.reason,))
        head = stored.head if stored else Head(ledger)
        proof = Proof(ledger)
        try:
            async for page in self._store.pages(ledger):
                if stored is not None and page.number > head.pages:
                    # Committed since the head was read; the next run proves it.
                    break
                proof.add(page)
        except LedgerBroken as fault:
            proof.faults.append(fault.reason)
        if stored is None and proof.pages_seen:
            proof.faults.append("it has pages and no head")
        proof.compare(head)
        return Verdict(
            ledger, head.pages, head.entries, head.amount, head.last_hash, tuple(proof.faults)
        )
