"""Prove a store: the registry, the records of each tenant, and all ledgers against both."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from metering.app.anchors.anchored import Anchored, read_anchored
from metering.app.anchors.keep_anchors import KeepAnchors
from metering.app.reports.verify import Told, Verdict, Verify, tell_nobody
from metering.app.reports.verify_records import RegistryVerdict, TenantVerdict, VerifyRecords
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import InvariantBroken, RetryableError
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.chain import Recorded


class Proven(NamedTuple):
    """The verdicts of a run."""

    ledgers: Sequence[Verdict]
    tenants: Sequence[TenantVerdict]
    registry: RegistryVerdict
    anchored: Anchored | None
    """The findings about anchors; None if they were not checked."""

    @property
    def holds(self) -> bool:
        """True if nothing is wrong."""
        return not (
            any(one.faults for one in self.ledgers)
            or any(one.faults for one in self.tenants)
            or self.registry.faults
            or (self.anchored is not None and self.anchored.faults)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyStore:
    """The use case behind `metering verify`."""

    verify: Verify
    records: VerifyRecords
    anchors: KeepAnchors
    tenancy: Tenancy

    async def run(
        self, tenant: str | None = None, *, anchored: bool = False, told: Told = tell_nobody
    ) -> Proven:
        """Prove the registry and one tenant, or all: reads every page of theirs.

        `told` learns of the ledgers tenant by tenant.
        """
        said = await read_anchored(self.anchors, tenant) if anchored else None
        known = said or Anchored()
        registry = await self.records.the_registry(known.records)
        try:
            await self.tenancy.refresh()
        except (InvariantBroken, RetryableError) as fault:
            # Without terms no ledger can be proven; the registry's own faults say why.
            reason = f"its records cannot be used, so no ledger was read: {fault}"
            return Proven((), (), registry._replace(faults=(*registry.faults, reason)), said)
        recorded: defaultdict[LedgerId, list[Recorded]] = defaultdict(list)
        for ledger, positions in known.ledgers.items():
            recorded[ledger].extend(sorted(positions))
        tenants: list[TenantVerdict] = []
        names = {ledger.tenant for ledger, _ in known.statements}
        names |= {name.partition("|")[0] for name, _ in known.documents}
        everyone = {*self.tenancy.directory.tenants(), *names} if tenant is None else {tenant}
        for name in sorted(everyone):
            verdict = await self.records.tenant(name, known)
            tenants.append(verdict)
            for ledger, own in verdict.positions.items():
                recorded[ledger].extend(own)
        listed = set(await self.verify.ledgers(tenant))
        stray = await self.verify.with_pages(tenant) - listed
        due = {
            ledger
            for ledger, positions in recorded.items()
            if any(one.position.page for one in positions)
        }
        verdicts = await self.verify.all(sorted(listed | stray | due), recorded, told)
        return Proven([_stray(one, stray) for one in verdicts], tenants, registry, said)


def _stray(verdict: Verdict, stray: set[LedgerId]) -> Verdict:
    if verdict.ledger not in stray:
        return verdict
    reason = "it has pages, and neither a head nor a first page"
    return replace(verdict, faults=(reason, *verdict.faults))
