"""Draft the periods of a tenant that are not closed, in order, as their closes would bill them.

A draft bills what no statement has billed, and grants pay it with what is left of them. So one
without the drafts before it would bill their usage as late, and let a grant pay a second time.
"""

from dataclasses import dataclass, field
from typing import Final

from metering.app.allocation.accruals import Accruals
from metering.app.billing.draft_statements import DraftStatements
from metering.core.allocation.accrual import Accrual
from metering.core.basics.errors import ConfigurationError
from metering.core.billing.statement import LOOK_BACK, Statement
from metering.core.calendars.periods import Period

#: Periods before another that are drafted with it: a year of weeks. Each reads its ledgers whole.
MAX_OPEN: Final = 53


@dataclass(slots=True)
class DraftChain:
    """Drafts periods at one instant. Make a new one for each answer."""

    drafts: DraftStatements
    accruals: Accruals
    _accrued: dict[Period, list[Accrual]] = field(init=False, default_factory=dict)

    async def accrued(self, period: Period) -> list[Accrual]:
        """Return the shares of provisioned capacity that a period bills, once for all tenants."""
        if period not in self._accrued:
            self._accrued[period] = await self.accruals.to_bill(period, LOOK_BACK)
        return self._accrued[period]

    @property
    def incomplete(self) -> set[str]:
        """The deployments whose shares are drafted without usage that cannot be read."""
        every = (one for accruals in self._accrued.values() for one in accruals)
        return {one.allocation.deployment for one in every if one.faults}

    async def first_open(self, tenant: str, closed: Statement | None) -> Period:
        """Return the period after a tenant's last statement; without one, that of its first use."""
        directory = self.drafts.tenancy.directory
        if closed is not None:
            return directory.period_at(tenant, closed.period.end)
        now, since = self.accruals.clock.now(), directory.since(tenant)
        starts = [ledger.start for ledger in await self.drafts.ledgers.ledgers(tenant)]
        return directory.period_at(tenant, min([*starts, now if since is None else since]))

    async def up_to(
        self, tenant: str, period: Period, closed: Statement | None
    ) -> tuple[Statement, Statement | None]:
        """Return the draft of a period and the statement before it, which may be a draft too.

        `closed` is the tenant's last statement of an earlier period. Raises ConfigurationError if
        the period has not begun, or if more than MAX_OPEN before it are not closed.
        """
        now = self.accruals.clock.now()
        if period.start > now:
            raise ConfigurationError(f"tenant {tenant!r}: period {period.name} has not begun")
        directory = self.drafts.tenancy.directory
        before, drafted = closed, list[Statement]()
        one = await self.first_open(tenant, closed)
        while one.start < period.start:
            if len(drafted) >= MAX_OPEN:
                raise ConfigurationError(
                    f"tenant {tenant!r}: more than {MAX_OPEN} periods before {period.name} are not"
                    " closed, and a draft needs all of them: close some first (`metering close`)"
                )
            before = await self._draft(tenant, one, before, drafted)
            drafted.append(before)
            one = directory.period_at(tenant, one.end)
        return await self._draft(tenant, period, before, drafted), before

    async def _draft(
        self, tenant: str, period: Period, before: Statement | None, drafted: list[Statement]
    ) -> Statement:
        return await self.drafts.draft(
            tenant,
            period,
            before,
            self.accruals.clock.now(),
            allocations=[one.allocation for one in await self.accrued(period)],
            drafted=drafted,
        )
