"""One tenant's provisional cost so far of deployments paid by the hour."""

from typing import Final, NamedTuple

from metering.core.allocation.accrual import Accrual, Piece
from metering.core.basics.instants import HOUR, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window
from metering.core.deployments.capacity import Span


class AccruedShare(NamedTuple):
    """A tenant's share of one deployment in one UTC month."""

    deployment: str
    month: Period
    currency: str
    used: Amount
    idle: Amount
    tokens: int
    """Weighted, in 10^-6."""
    hours: int
    """Hours in which the tenant used the deployment."""
    is_billable: bool
    """False if its plan is in another currency: amounts are never converted."""
    is_final: bool
    """Whether the close has allocated the month."""
    at: Instant
    """When it was worked out."""
    pieces: tuple[Piece, ...]
    """The share by the tenant's periods."""
    cost: Amount
    """The whole cost of the deployment that is divided."""
    coming: tuple[Span, ...] = ()
    """The hours after it, of the month that runs: what is recorded for them."""
    is_complete: bool = True
    """False while usage of the deployment by some tenant cannot be read."""

    @property
    def amount(self) -> Amount:
        """The whole share."""
        return self.used + self.idle

    def within(self, window: Window) -> Amount:
        """Return the part of the hours in a window that begins and ends with periods."""
        return sum(one.amount for one in self.pieces if window.start <= one.start < window.end)

    def expected(self, until: Instant) -> Amount:
        """Return what the hours to come add until an instant at the same part of the cost."""
        hours = (
            (max(0, min(span.end, until) - span.start) // HOUR, span.hour_cost)
            for span in self.coming
        )
        return sum(number * cost for number, cost in hours) * self.amount // max(1, self.cost)


class Accrued(NamedTuple):
    """The shares of a tenant, in the months that were asked for."""

    currency: str
    """Of the tenant's plan."""
    shares: tuple[AccruedShare, ...] = ()
    at: Instant | None = None
    """When the oldest of the accruals was worked out; None if nothing accrues."""
    unknown: tuple[str, ...] = ()
    """Deployments whose cost was not worked out yet."""

    @property
    def is_complete(self) -> bool:
        """Whether all usage of the deployments is counted."""
        return all(one.is_complete for one in self.shares)

    @property
    def billable(self) -> list[AccruedShare]:
        """The shares that statements bill; the currency of the others is another one."""
        return [one for one in self.shares if one.is_billable and one.currency == self.currency]

    def within(self, window: Window) -> Amount:
        """Return what has accrued in the hours of a window."""
        return sum(one.within(window) for one in self.billable)

    def expected(self, until: Instant) -> Amount:
        """Return what the hours to come are expected to add until an instant."""
        return sum(one.expected(until) for one in self.billable)

    def by_name(self, window: Window) -> dict[str, Amount]:
        """Return what has accrued by the name of the deployment, in lower case, without account."""
        found: dict[str, Amount] = {}
        for one in self.billable:
            name = one.deployment.casefold().rpartition("/")[2]
            found[name] = found.get(name, 0) + one.within(window)
        return found

    def lies_in(self, window: Window) -> "Accrued":
        """Return the shares with hours in a window."""
        shares = (
            one
            for one in self.shares
            if any(window.start <= piece.start < window.end for piece in one.pieces)
        )
        return self._replace(shares=tuple(shares))


NOTHING_ACCRUED: Final = Accrued("")


def accrued_share(accrual: Accrual, tenant: str, coming: tuple[Span, ...]) -> AccruedShare | None:
    """Return the share of a tenant; None if it has none."""
    allocation = accrual.allocation
    share = allocation.share_of(tenant)
    if share is None:
        return None
    return AccruedShare(
        allocation.deployment,
        allocation.month,
        allocation.currency,
        share.used,
        share.idle,
        share.tokens,
        share.hours,
        share.is_billable,
        accrual.is_final,
        accrual.at,
        accrual.pieces_of(share),
        allocation.cost,
        coming,
        not accrual.faults,
    )
