"""The use cases that prove ledgers, and those that act on what proofs find."""

from functools import cached_property

from metering.app.ledger.repair import Repair
from metering.app.ledger.withdraw import Withdraw
from metering.app.reports.verify import Verify
from metering.bootstrap.base import Base


class Proofs:
    """Prove ledgers."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def verify(self) -> Verify:
        """Prove ledgers."""
        base, stores = self._base, self._base.stores
        return Verify(base.ledgers, stores.rollups, base.tenancy, stores.effects, base.clock)

    @cached_property
    def repair(self) -> Repair:
        """Repair ledgers."""
        stores = self._base.stores
        return Repair(self._base.ledgers, stores.repairs, stores.rollups)

    @cached_property
    def withdraw(self) -> Withdraw:
        """Take back what counts twice."""
        return Withdraw(
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            committer=self._base.committer,
            clock=self._base.clock,
        )
