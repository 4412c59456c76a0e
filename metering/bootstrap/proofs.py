"""The use cases that prove ledgers, and those that act on what proofs find."""

from functools import cached_property

from metering.app.anchors.evidence import WriteEvidence
from metering.app.ledger.repair import Repair
from metering.app.ledger.withdraw import Withdraw
from metering.app.reports.verify import Verify
from metering.app.reports.verify_records import VerifyRecords
from metering.app.reports.verify_store import VerifyStore
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
    def verify_store(self) -> VerifyStore:
        """Prove a store."""
        stores = self._base.stores
        records = VerifyRecords(
            registry=stores.registry,
            prices=stores.prices,
            statements=stores.statements,
            invoices=stores.invoices,
            accounts=stores.accounts,
        )
        return VerifyStore(
            verify=self.verify,
            records=records,
            anchors=self._base.anchors,
            tenancy=self._base.tenancy,
        )

    @cached_property
    def evidence(self) -> WriteEvidence:
        """Write what proves a tenant's bill."""
        stores = self._base.stores
        return WriteEvidence(
            ledgers=self._base.ledgers,
            statements=stores.statements,
            invoices=stores.invoices,
            registry=stores.registry,
            tenancy=self._base.tenancy,
            anchors=self._base.anchors,
            clock=self._base.clock,
        )

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
