"""Take back what counts twice: withdrawals for all but the first entry of an id."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from metering.app.ledger.committer import Committer
from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.rerating import as_usage
from metering.core.ledger.withdrawal import Active, ActiveEntries, PlanWithdrawal
from metering.core.usage.usage import EventKey
from metering.ports import Clock, LedgerStore


class DoubleCount(NamedTuple):
    """An identity that counts more than once: the entry that stays, and those to take back."""

    key: EventKey
    kept: Active
    taken: tuple[Active, ...]


class Withdrawn(NamedTuple):
    """The entries found and the number withdrawn."""

    found: tuple[DoubleCount, ...]
    withdrawn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """The use case behind `metering withdraw`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    committer: Committer
    clock: Clock

    async def run(
        self, tenant: str, id_: str, *, kept_by: str | None = None, dry_run: bool
    ) -> Withdrawn:
        """Take back the entries of an id in a tenant's ledgers that count beside an earlier one.

        The first committed stays; with `kept_by` it is the one of that tenant, and all
        of `tenant` are taken back. Reads all ledgers of both. Safe to repeat and to cut off. Raises
        ConfigurationError if the id does not count at all, or not with `kept_by`.
        """
        await self.tenancy.refresh()
        found = await self._found(tenant, id_, kept_by)
        if dry_run:
            return Withdrawn(tuple(found), 0)
        by_ledger: defaultdict[LedgerId, list[Active]] = defaultdict(list)
        for double in found:
            for active in double.taken:
                by_ledger[active.ledger].append(active)
        withdrawn = 0
        for ledger, some in by_ledger.items():
            withdrawn += await self._take_back(ledger, some)
        return Withdrawn(tuple(found), withdrawn)

    async def _found(self, tenant: str, id_: str, kept_by: str | None) -> list[DoubleCount]:
        own = await self._active(tenant, id_)
        if not own:
            raise ConfigurationError(f"id {id_!r}: does not count in any ledger of {tenant}")
        if kept_by is None:
            return [
                DoubleCount(key, active[0], tuple(active[1:]))
                for key, active in own.items()
                if len(active) > 1
            ]
        theirs = await self._active(kept_by, id_)
        shared = own.keys() & theirs.keys()
        if kept_by == tenant or not shared:
            raise ConfigurationError(f"id {id_!r}: does not count for {kept_by} beside {tenant}")
        return [DoubleCount(key, theirs[key][0], tuple(own[key])) for key in sorted(shared)]

    async def _active(self, tenant: str, id_: str) -> dict[EventKey, list[Active]]:
        entries = ActiveEntries(id_)
        for ledger in await self.ledgers.ledgers(tenant):
            async for page in pages(self.ledgers, ledger):
                entries.add(page)
        return entries.found()

    async def _take_back(self, ledger: LedgerId, active: Sequence[Active]) -> int:
        now, rate = self.clock.now(), self.tenancy.terms_book.rate
        written = 0
        for one in active:
            usages = [as_usage(one.entry, now)]
            done = await self.committer.commit(ledger, usages, rate, PlanWithdrawal(one))
            written += done.accepted
        return written
