"""Share out capacity: divide what provisioned deployments cost in a month, once and for good."""

from collections.abc import Sequence
from typing import Final

from metering.app.allocation.capacity_reading import CapacityReading
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.allocation import Share, Sharing, differences, share_out
from metering.core.allocation.capacity_usage import CapacityUsage, LedgerUsage
from metering.core.basics.errors import LedgerBroken, LedgerLagError
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Period
from metering.core.deployments.capacity import Capacity
from metering.core.ledger.chain import Position
from metering.ports import LedgerStore, SharingStore

#: Sharings a process remembers, for they never change: a month's, while its periods are closed.
_MAX_KEPT: Final = 32


class ShareOut:
    """The use case behind closing's PTU shares and `metering deployments shares`.

    A `month` is a calendar month of UTC; that it is over, and that its late usage has had time to
    come, is for the caller to say. Once a sharing is written later usage changes nothing.
    """

    def __init__(self, ledgers: LedgerStore, sharings: SharingStore, tenancy: Tenancy) -> None:
        self._reading = CapacityReading(ledgers)
        self._store = sharings
        self._tenancy = tenancy
        self._kept: dict[tuple[str, Instant], Sharing] = {}

    async def due(self, month: Period) -> list[str]:
        """Return the keys of the deployments that cost in a month and are not shared out yet."""
        await self._tenancy.refresh()
        return [capacity.key for capacity in await self._due(month)]

    async def run(self, month: Period) -> list[Sharing]:
        """Share out what is due and return all sharings of the month, by deployment.

        Safe to repeat, to run twice at once and after a crash: whoever writes first decides, and
        the others return what was written. LedgerBroken: a ledger cannot be trusted, and nothing
        was shared out.
        """
        await self._tenancy.refresh()
        due = await self._due(month)
        for sharing in await self._worked_out(due, month, month.end):
            await self._store.put_sharing(sharing)
        return await self._present(month)

    async def preview(self, month: Period, now: Instant) -> list[Sharing]:
        """Return what the hours begun up to now would come to now; it writes nothing.

        What is shared out already is told as it is.
        """
        await self._tenancy.refresh()
        worked_out = await self._worked_out(await self._due(month), month, min(now, month.end))
        return sorted(
            [*await self._present(month), *worked_out], key=lambda one: one.deployment.casefold()
        )

    async def sharings(self, month: Period) -> list[Sharing]:
        """Return what was shared out of a month, by deployment."""
        await self._tenancy.refresh()
        return await self._present(month)

    async def shares_of(self, tenant: str, month: Period) -> list[tuple[Sharing, Share]]:
        """Return a tenant's shares of a month, by deployment: after `run`, all there will be.

        Only those that are billable are owed.
        """
        found = ((sharing, sharing.share_of(tenant)) for sharing in await self.sharings(month))
        return [(sharing, share) for sharing, share in found if share is not None]

    async def proof(self, sharing: Sharing) -> list[str]:
        """Return what of a sharing is not what the registry and its pages give again."""
        await self._tenancy.refresh()
        place = sharing.deployment.casefold()
        usage, faults = CapacityUsage(), []
        for ledger, page, digest in sharing.counted:
            counting = LedgerUsage(ledger, sharing.month, {place})
            try:
                await self._reading.read(counting, Position(page, digest))
                usage.add(counting, {place})
            except (LedgerBroken, LedgerLagError) as fault:
                faults.append(str(fault))
        capacity = self._capacity(place)
        if faults or capacity is None:
            return faults or ["its deployment is in no record"]
        derived = self._divided(capacity, sharing.month, sharing.month.end, usage)
        return differences(sharing, derived) if derived else ["its deployment costs nothing"]

    def _capacity(self, place: str) -> Capacity | None:
        found = (one for one in self._tenancy.directory.capacities() if one.place == place)
        return next(found, None)

    async def _due(self, month: Period) -> list[Capacity]:
        directory = self._tenancy.directory
        missing = [
            capacity
            for capacity in directory.capacities()
            if capacity.spans(month.start, month.end)
            and await self._kept_or_read(capacity, month) is None
        ]
        unsure = {one.place for one in missing if one.costs_if_used(month)}
        if unsure:
            unsure -= await self._reading.used_before(directory, month.end, unsure)
        return [capacity for capacity in missing if capacity.place not in unsure]

    async def _worked_out(
        self, capacities: Sequence[Capacity], month: Period, until: Instant
    ) -> list[Sharing]:
        if not capacities:
            return []
        places = {capacity.place for capacity in capacities}
        usage = await self._reading.usage(self._tenancy.directory, month, places)
        found = (self._divided(capacity, month, until, usage) for capacity in capacities)
        return [sharing for sharing in found if sharing is not None]

    def _divided(
        self, capacity: Capacity, month: Period, until: Instant, usage: CapacityUsage
    ) -> Sharing | None:
        """Return how the hours begun before `until` are divided; None where none costs."""
        spans = capacity.spans(month.start, until)
        if not spans:
            return None
        currency, plan_of = spans[0].currency, self._tenancy.directory.plan_of
        return share_out(
            capacity.key,
            month,
            spans,
            usage.tokens(capacity.place),
            counted=usage.counted(capacity.place),
            is_billable=lambda tenant: plan_of(tenant, month.start)[0].currency == currency,
        )

    async def _present(self, month: Period) -> list[Sharing]:
        found = [
            await self._kept_or_read(capacity, month)
            for capacity in self._tenancy.directory.capacities()
        ]
        return [sharing for sharing in found if sharing is not None]

    async def _kept_or_read(self, capacity: Capacity, month: Period) -> Sharing | None:
        key = (capacity.place, month.start)
        sharing = self._kept.get(key) or await self._store.read_sharing(*key)
        if sharing is not None:
            self._kept[key] = sharing
            if len(self._kept) > _MAX_KEPT:
                del self._kept[next(iter(self._kept))]
        return sharing
