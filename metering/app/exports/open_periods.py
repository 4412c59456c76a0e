"""The periods of which provisional reports are delivered: those that run or are not closed."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.periods import Period
from metering.core.exports.delivery_manifest import Window
from metering.ports import Clock, StatementStore

#: A period that is not closed this long after its end has no provisional report any more; the alert
#: about overdue periods has told of it for weeks.
LONGEST: Final[Instant] = 35 * DAY


@dataclass(slots=True)
class OpenPeriods:
    """Finds periods by name. The directory is used as of its last refresh."""

    statements: StatementStore
    tenancy: Tenancy
    clock: Clock

    def running(self, tenant: str | None) -> list[Window]:
        """Return the periods of a tenant, or of all, that contain the present."""
        directory, now = self.tenancy.directory, self.clock.now()
        known = [one for one in self._tenants(tenant) if directory.since(one) is not None]
        return _windows(directory.period_at(one, now) for one in known)

    async def ended(self, tenant: str | None) -> list[Window]:
        """Return the periods that have ended and that some tenant has no statement of."""
        open_ones: list[Period] = []
        for one in self._tenants(tenant):
            periods = list(self._ended_of(one))
            if periods:
                latest = await self.statements.latest_statement(one)
                closed = periods[-1].start if latest is None else latest.period.end
                open_ones += [period for period in periods if period.start >= closed]
        return _windows(sorted(open_ones, key=lambda period: period.start))

    def _tenants(self, tenant: str | None) -> Iterable[str]:
        return self.tenancy.directory.tenants() if tenant is None else [tenant]

    def _ended_of(self, tenant: str) -> Iterator[Period]:
        """Yield a tenant's periods that ended of late, the latest first."""
        directory, now = self.tenancy.directory, self.clock.now()
        since = directory.since(tenant)
        period = directory.period_at(tenant, now)
        while since is not None and period.start > max(since, now - LONGEST):
            period = directory.period_at(tenant, period.start - 1)
            yield period


def _windows(periods: Iterable[Period]) -> list[Window]:
    """Return each name once, in order."""
    return [Window(name) for name in dict.fromkeys(period.name for period in periods)]
