"""The run-out of credit: when grants are used up if usage goes on at its rate."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.credit.credit import CreditBalance
from metering.core.credit.grant import Grant

#: A later date is no forecast any more.
HORIZON: Final[Instant] = 3_652 * DAY


class Rate(NamedTuple):
    """An amount that was used in a span of time, in 10^-18 currency units and microseconds."""

    used: Amount
    elapsed: Instant


class _Spent(NamedTuple):
    """The credit after a span."""

    free: Amount
    left: Mapping[str, Amount]
    """By grant."""
    exhausted: Mapping[str, Instant]
    """The grants that were used up in it."""
    all_at: Instant | None
    """When nothing was left, if that was before the end of the span."""


def with_run_out(found: CreditBalance, rate: Rate) -> CreditBalance:
    """Return a balance with the dates at which it and its grants run out.

    From the least credit on, what is carried pays first, then the grants in the order of use, as if
    each paid for every channel. A grant runs out when it is used up or ends; the balance when no
    valid grant has anything left, even if a later one begins. None beyond HORIZON.
    """
    grants = [one.grant for one in found.grants]
    left: Mapping[str, Amount] = {one.grant.id: one.remaining.at_least for one in found.grants}
    valid = sum(left[grant.id] for grant in grants if grant.is_valid(found.at))
    free = found.remaining.at_least - valid
    at, last, total = found.at, found.at + HORIZON, None
    dates: dict[str, Instant] = {}
    while at < last:
        turns = [time for one in grants if left[one.id] > 0 for time in (one.start, one.end)]
        turn = min([time for time in turns if time > at], default=last)
        turn = min(turn, last)
        free, left, exhausted, all_at = _spend(grants, free, left, rate, (at, turn))
        total = all_at if total is None else total
        dates |= exhausted
        ended = {one.id for one in grants if one.end <= turn and left[one.id] > 0}
        dates |= dict.fromkeys(ended, turn)
        left = {name: 0 if name in ended else amount for name, amount in left.items()}
        at = turn
    return found._replace(
        runs_out=total,
        grants=tuple(one._replace(runs_out=dates.get(one.grant.id)) for one in found.grants),
    )


def _spend(
    grants: list[Grant],
    free: Amount,
    left: Mapping[str, Amount],
    rate: Rate,
    span: tuple[Instant, Instant],
) -> _Spent:
    """Return the credit after a span in which no grant begins or ends.

    `grants` are in the order of use.
    """
    start, end = span
    elapsed = max(1, rate.elapsed)
    due = max(0, rate.used) * (end - start) // elapsed
    paid, after, exhausted = min(free, due), dict(left), dict[str, Instant]()
    has = free
    for grant in grants:
        if not grant.is_valid(start) or left[grant.id] <= 0:
            continue
        has += left[grant.id]
        pays = min(left[grant.id], due - paid)
        paid += pays
        after[grant.id] -= pays
        if not after[grant.id]:
            exhausted[grant.id] = start - (-has * elapsed // rate.used)
    all_at = None
    if has <= due:
        all_at = start - (-has * elapsed // rate.used) if has > 0 else start
    # At the very end of the span another grant may begin.
    is_before = all_at is not None and all_at < end
    return _Spent(max(0, free - due), after, exhausted, all_at if is_before else None)
