"""Accruals: worked out by a timer, kept as records, read by everything that shows or limits cost.

Reading never looks at ledgers, except where the process may work out for itself what is missing or
old: on one machine, and in commands.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.allocation.allocate import Accruing, Allocate
from metering.app.tenancy.tenancy import Tenancy
from metering.core.allocation.accrual import Accrual, finished
from metering.core.allocation.accrued import NOTHING_ACCRUED, Accrued, accrued_share
from metering.core.allocation.postponed import by_fault
from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.basics.instants import DAY, MINUTE, Instant
from metering.core.calendars.periods import Period, month_of
from metering.core.calendars.windows import Window
from metering.core.deployments.capacity import Capacity, Span
from metering.core.plans.included_span import span_included
from metering.core.plans.quota import Quota
from metering.ports import Alerts, AllocationStore, Clock

#: The time between two runs of the timer.
INTERVAL: Final[Instant] = 15 * MINUTE
#: How long a process answers from what it read.
MEMORY: Final[Instant] = MINUTE
#: Months that a process keeps: those of the longest window, a year, and one that it cuts.
_MAX_KEPT: Final = 14
#: How far ahead the hours to come are known: the rest of the longest window.
_AHEAD: Final[Instant] = 400 * DAY


class MonthlyAccruals(NamedTuple):
    """The accruals of one month as this process knows them."""

    accruals: tuple[Accrual, ...]
    unknown: tuple[str, ...]
    """The deployments whose cost was not worked out yet."""
    read: Instant


@dataclass(slots=True, kw_only=True)
class Accruals:
    """The use case behind the timer `accrue_cost`, and the accrued cost of tenants.

    The timer keeps the present UTC month and the one before up to date. An earlier month has the
    allocation that the close wrote, or until then what the timer left, which has all of its hours.
    """

    allocate: Allocate
    store: AllocationStore
    tenancy: Tenancy
    clock: Clock
    alerts: Alerts
    works_out: bool = False
    """Whether a read may work out what is missing or old."""
    _kept: dict[Instant, MonthlyAccruals] = field(init=False, default_factory=dict)
    _turn: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def run(self) -> int:
        """Work out and store the accruals of the present month and the one before.

        Return how many were stored. Safe to repeat and to run twice at once: the later instant
        stays. A ledger that cannot be read is in it as last counted, and an alert names it.
        """
        await self.tenancy.refresh()
        now, stored = self.clock.now(), 0
        for month in _running(now):
            found = await self._worked_out(month, now)
            for fault, names in by_fault(found.postponed).items():
                self.alerts.alert(f"{fault}: the accrued cost of {names} is incomplete", "ledger")
            for accrual in found.accruals:
                try:
                    stored += await self.store.put_accrual(accrual)
                except (InvariantBroken, ConfigurationError) as fault:
                    name = accrual.allocation.deployment
                    self.alerts.alert(f"accrued cost of {name}: {fault}", "other")
        return stored

    async def of(self, tenant: str, span: Window | Period) -> Accrued:
        """Return what a tenant has accrued in the UTC months that a span reaches into, until now.

        The directory is used as of its last refresh.
        """
        now, directory = self.clock.now(), self.tenancy.directory
        currency = directory.plan_of(tenant, max(span.start, min(now, span.end - 1)))[0].currency
        if not directory.capacities():
            return Accrued(currency)
        kept = [await self._month(one) for one in _months(span, now)]
        present = month_of(now).start
        every = [accrual for one in kept for accrual in one.accruals]
        shares = (accrued_share(one, tenant, self._coming(one, present)) for one in every)
        times = [one.at for one in every if not one.is_final]
        unknown = (name for one in kept for name in one.unknown)
        return Accrued(
            currency,
            tuple(one for one in shares if one is not None),
            min(times, default=None),
            tuple(dict.fromkeys(unknown)),
        )

    async def in_period(self, tenant: str, period: Period) -> Accrued:
        """Return what a tenant has accrued in the hours of a period until now."""
        await self.tenancy.refresh_if_due()
        return (await self.of(tenant, period)).lies_in(Window(period.start, period.end))

    async def for_quotas(self, tenant: str, quotas: Iterable[Quota], period: Period) -> Accrued:
        """Return what a tenant has accrued in the windows of the quotas that include it."""
        span = span_included(quotas, period)
        return NOTHING_ACCRUED if span is None else await self.of(tenant, span)

    async def to_bill(self, period: Period, look_back: Instant) -> list[Accrual]:
        """Return the accruals of the months that end within a period, or within `look_back` of it.

        They are worked out anew. Where a ledger cannot be read they are not complete.
        """
        await self.tenancy.refresh()
        if not self.tenancy.directory.capacities():
            return []
        now, found = self.clock.now(), list[Accrual]()
        month = month_of(month_of(period.end).start - 1)
        while month.end > period.end - look_back:
            if month.start < now:
                found.extend((await self._worked_out(month, now)).accruals)
            month = month_of(month.start - 1)
        return found

    async def in_month(self, month: Period) -> MonthlyAccruals:
        """Return the accruals of all tenants in a UTC month."""
        return await self._month(month)

    async def incomplete(self) -> dict[str, list[str]]:
        """Return the deployments whose cost lacks usage that cannot be read, with its ledgers.

        They are those of the present UTC month and the one before, as last worked out.
        """
        await self.tenancy.refresh_if_due()
        found: dict[str, list[str]] = {}
        for month in _running(self.clock.now()) if self.tenancy.directory.capacities() else ():
            for one in (await self.in_month(month)).accruals:
                if one.faults:
                    found[f"{one.allocation.deployment} in {month.name}"] = sorted(one.faults)
        return found

    async def _month(self, month: Period) -> MonthlyAccruals:
        """Return the accruals of a month, as read within MEMORY."""
        now = self.clock.now()
        found = self._fresh(month, now)
        if found is not None:
            return found
        async with self._turn:
            # Whoever had the turn before may have read it.
            found = self._fresh(month, now) or await self._read(month, now)
            self._keep(month, found)
            return found

    def _fresh(self, month: Period, now: Instant) -> MonthlyAccruals | None:
        kept = self._kept.get(month.start)
        return kept if kept is not None and kept.read <= now < kept.read + MEMORY else None

    def _keep(self, month: Period, kept: MonthlyAccruals) -> None:
        self._kept.pop(month.start, None)
        self._kept[month.start] = kept
        if len(self._kept) > _MAX_KEPT:
            del self._kept[next(iter(self._kept))]

    async def _read(self, month: Period, now: Instant) -> MonthlyAccruals:
        capacities = self._costing(month, now)
        read = [await self._stored(one, month, now) for one in capacities]
        is_running = month in _running(now)
        if self.works_out and any(_is_old(one, month, now) for one in read):
            return _kept(await self.allocate.accruals(month, now), now)
        unknown = (
            capacity.key
            for capacity, one in zip(capacities, read, strict=True)
            if one is None and is_running
        )
        return MonthlyAccruals(tuple(one for one in read if one is not None), tuple(unknown), now)

    def _costing(self, month: Period, now: Instant) -> list[Capacity]:
        return [
            one
            for one in self.tenancy.directory.capacities()
            if one.spans(month.start, min(now, month.end))
        ]

    async def _stored(self, capacity: Capacity, month: Period, now: Instant) -> Accrual | None:
        """Return the accrual of a deployment, or what the close wrote.

        The timer tells of the close in the months that it keeps up to date.
        """
        try:
            found = await self.store.read_accrual(capacity.key, month.start)
            if found is not None and (found.is_final or month in _running(now)):
                return found
            final = await self.allocate.allocation(capacity, month)
        except InvariantBroken:
            # The timer tells of a document that cannot be read.
            return None
        return found if final is None else finished(final, now, found, self.allocate.cuts(month))

    async def _worked_out(self, month: Period, now: Instant) -> Accruing:
        """Work out a month anew, one at a time in a process."""
        async with self._turn:
            found = await self.allocate.accruals(month, now)
            self._keep(month, _kept(found, now))
            return found

    def _coming(self, accrual: Accrual, present: Instant) -> tuple[Span, ...]:
        """Return the recorded hours after an accrual of the present month; none of another one."""
        place = accrual.allocation.deployment.casefold()
        for one in self.tenancy.directory.capacities():
            if one.place == place and accrual.allocation.month.start == present:
                return tuple(one.spans(accrual.at, accrual.at + _AHEAD))
        return ()


def _kept(found: Accruing, now: Instant) -> MonthlyAccruals:
    known = {one.allocation.deployment for one in found.accruals}
    unknown = [one.deployment for one in found.postponed if one.deployment not in known]
    return MonthlyAccruals(tuple(found.accruals), tuple(unknown), now)


def _running(now: Instant) -> tuple[Period, Period]:
    """Return the months that are kept up to date: the present one, and the one before."""
    present = month_of(now)
    return present, month_of(present.start - 1)


def _months(span: Window | Period, now: Instant) -> list[Period]:
    """Return the UTC months that a span reaches into until now, the earliest first."""
    months = [month_of(max(span.start, now - _AHEAD))]
    while months[-1].end < min(span.end, now):
        months.append(month_of(months[-1].end))
    return months


def _is_old(accrual: Accrual | None, month: Period, now: Instant) -> bool:
    """Return whether an accrual is missing, or older than two runs of the timer.

    Of a month that the timer has left, the last one is as good as another.
    """
    if accrual is None:
        return True
    is_left = month not in _running(now) and accrual.at >= month.end
    return not (accrual.is_final or is_left or accrual.at <= now < accrual.at + 2 * INTERVAL)
