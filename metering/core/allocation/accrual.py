"""Accrual: what a deployment paid by the hour has cost so far in a month, divided provisionally.

It is the allocation of the hours begun until an instant, by the rule of the close on the usage so
far: once the month is over and nothing else happens, the close writes the same shares. Tenants
whose periods begin within the month also have their share by period, in pieces that add up to it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from metering.core.allocation.allocation import Allocation, HourlyTokens, Share, divide
from metering.core.allocation.capacity_usage import LeftOut
from metering.core.basics.instants import HOUR, Instant
from metering.core.basics.money import Amount

type Cuts = Callable[[str], Sequence[Instant]]
"""The starts of a tenant's periods within the month, ascending; its first instant is not among
them."""


class Piece(NamedTuple):
    """The part of a share that belongs to the hours from an instant to the next piece."""

    start: Instant
    amount: Amount


@dataclass(frozen=True, slots=True)
class Accrual:
    """The cost of one deployment in one UTC month until an instant, and its division."""

    allocation: Allocation
    at: Instant
    """When it was worked out. Hours and usage after it are not included."""
    is_final: bool
    """Whether the close has written this allocation."""
    pieces: Mapping[str, tuple[Piece, ...]]
    """By tenant, the share of each of its periods; without the tenants of one period."""
    faults: Mapping[str, str] = field(default_factory=dict)
    """By ledger that used the deployment and cannot be read: why. Its usage is as last counted."""

    def pieces_of(self, share: Share) -> tuple[Piece, ...]:
        """Return a share by the periods of its tenant."""
        whole = (Piece(self.allocation.month.start, share.amount),)
        return self.pieces.get(share.tenant, whole)


def accrual_of(allocation: Allocation, at: Instant, tokens: HourlyTokens, cuts: Cuts) -> Accrual:
    """Return the accrual of an allocation of the hours until `at`, with its pieces."""
    starts = _starts(allocation, cuts)
    used = {tenant: dict.fromkeys(of, 0) for tenant, of in starts.items()}
    idle: list[tuple[Instant, Amount]] = []
    for hour, cost in _hours(allocation) if starts else ():
        users = {tenant: count for tenant, count in tokens.get(hour, {}).items() if count}
        if not users:
            idle.append((hour, cost))
        parts = divide(cost, users) if users.keys() & starts.keys() else {}
        for tenant in parts.keys() & starts.keys():
            used[tenant][_piece(starts[tenant], hour)] += parts[tenant]
    return Accrual(allocation, at, is_final=False, pieces=_pieces(allocation, starts, used, idle))


def incomplete(
    accrual: Accrual, before: Accrual | None, left_out: Sequence[LeftOut]
) -> Accrual | None:
    """Return an accrual that ledgers are left out of, or the one before it that knew more of them.

    So nobody's share grows because the usage of another tenant cannot be read. None if there is
    none before it, and nothing at all is known of one of the ledgers.
    """
    if before is None:
        found = accrual if all(one.usage.through.page for one in left_out) else None
    else:
        tenants = {one.usage.ledger.tenant for one in left_out}
        knew_more = any(_tokens(before, one) > _tokens(accrual, one) for one in tenants)
        found = before if knew_more else accrual
    faults = {str(one.usage.ledger): one.reason for one in left_out}
    return None if found is None else replace(found, faults=faults)


def _tokens(accrual: Accrual, tenant: str) -> int:
    share = accrual.allocation.share_of(tenant)
    return 0 if share is None else share.tokens


def finished(allocation: Allocation, at: Instant, before: Accrual | None, cuts: Cuts) -> Accrual:
    """Return the accrual of an allocation that the close has written.

    Its pieces are in the proportions of the accrual before it; without one, by the cost of hours.
    """
    starts = _starts(allocation, cuts)
    known = {} if before is None else before.pieces
    pieces: dict[str, tuple[Piece, ...]] = {}
    for share in allocation.shares:
        if share.tenant not in starts:
            continue
        weights = {one.start: one.amount for one in known.get(share.tenant, ())}
        if not any(weights.values()):
            weights = _by_piece(starts[share.tenant], _hours(allocation))
        parts = divide(share.amount, weights)
        pieces[share.tenant] = tuple(
            Piece(start, parts.get(start, 0)) for start in starts[share.tenant]
        )
    return Accrual(allocation, at, is_final=True, pieces=pieces)


def _starts(allocation: Allocation, cuts: Cuts) -> dict[str, list[Instant]]:
    """Return where the pieces of each tenant begin that has more than one."""
    found = {share.tenant: cuts(share.tenant) for share in allocation.shares}
    return {tenant: [allocation.month.start, *of] for tenant, of in found.items() if of}


def _hours(allocation: Allocation) -> Iterator[tuple[Instant, Amount]]:
    for span in allocation.spans:
        for hour in range(span.start, span.end, HOUR):
            yield hour, span.hour_cost


def _piece(starts: Sequence[Instant], hour: Instant) -> Instant:
    return starts[bisect_right(starts, hour) - 1]


def _by_piece(
    starts: Sequence[Instant], costs: Iterable[tuple[Instant, Amount]]
) -> dict[Instant, Amount]:
    found = dict.fromkeys(starts, 0)
    for hour, cost in costs:
        found[_piece(starts, hour)] += cost
    return found


def _pieces(
    allocation: Allocation,
    starts: Mapping[str, Sequence[Instant]],
    used: Mapping[str, Mapping[Instant, Amount]],
    idle: Sequence[tuple[Instant, Amount]],
) -> dict[str, tuple[Piece, ...]]:
    """Return the pieces: used hours as divided, the idle part by the cost of the idle hours."""
    pieces: dict[str, tuple[Piece, ...]] = {}
    for share in allocation.shares:
        if share.tenant in starts:
            of = starts[share.tenant]
            parts = divide(share.idle, _by_piece(of, idle))
            amounts = used[share.tenant]
            pieces[share.tenant] = tuple(
                Piece(start, amounts[start] + parts.get(start, 0)) for start in of
            )
    return pieces
