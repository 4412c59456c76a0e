"""Credit: the remainder of a tenant's grants, including usage that is not settled yet.

The head of a ledger has the amount used, not the times. So the remainder is known within bounds,
and `at_least` never exceeds the remainder of paying every spend in order of time: a grant pays
first for all it may have paid for, and never spares another grant that may have been too late or
too early to pay. If every grant is valid throughout a span and pays for everything, both bounds are
equal.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final, Literal, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.credit.grant import Grant, amounts_left

CHANNELS: Final[tuple[str | None, ...]] = ("microsoft", "marketplace", None)
"""None: amounts without a channel, such as fees, tiers or packages."""

type _Channels = frozenset[str | None]
type GrantState = Literal["coming", "current", "expired", "revoked"]

_EVERY: Final[_Channels] = frozenset(CHANNELS)
_SETS: Final[tuple[_Channels, ...]] = tuple(
    frozenset(some) for size in range(len(CHANNELS) + 1) for some in combinations(CHANNELS, size)
)


class Bounds(NamedTuple):
    """An amount known within bounds."""

    at_least: Amount
    at_most: Amount


class OpenSpend(NamedTuple):
    """The spend at unknown times in `[start, end)`, by channel."""

    start: Instant
    end: Instant
    amounts: Mapping[str | None, Amount]
    is_settlement: bool = False
    """Whether all of it is due at once, so that grants for one channel pay first."""


class Remaining(NamedTuple):
    """The remainder of grants."""

    by_grant: Mapping[str, Bounds]
    """The remainder of all grants, whenever they are valid."""
    by_channel: Mapping[str | None, Amount]
    """The least remainder of grants valid now that can pay for a channel."""
    total: Bounds
    """The remainder of grants valid now."""


class GrantCredit(NamedTuple):
    """One grant with its present remainder."""

    grant: Grant
    state: GrantState
    settled: Amount
    """The credit that closed periods took."""
    remaining: Bounds
    """The remainder; zero once the grant has ended."""
    runs_out: Instant | None = None
    """When it is used up or ends, if that was forecast: see `run_out.py`."""


class CreditBalance(NamedTuple):
    """The credit of a tenant at an instant."""

    tenant: str
    at: Instant
    currency: str
    grants: tuple[GrantCredit, ...]
    """The grants, in the order of use."""
    granted: Amount
    """The original amount of grants valid now."""
    carried: Amount
    """Owed to the tenant: carried forward or credited, as far as open periods leave it."""
    remaining: Bounds
    """The remainder of grants valid now, and what is carried."""
    by_channel: Mapping[str | None, Amount]
    """The least credit for each channel, which decides whether a prepaid tenant is blocked."""
    open_spend: Amount
    """The amount of unsettled ledgers, as far as a grant could pay for it."""
    runs_out: Instant | None = None
    """When nothing is left, if that was forecast."""


def credit_balance(
    tenant: str,
    currency: str,
    grants: Sequence[Grant],
    settled: Mapping[str, Amount],
    open_spends: Sequence[OpenSpend],
    at: Instant,
    carried: Amount = 0,
) -> CreditBalance:
    """Return a tenant's credit from its grants of one currency and the spends to pay."""
    left = remaining(grants, settled, open_spends, at)
    nothing = Bounds(0, 0)
    found = [
        GrantCredit(
            grant,
            state_of(grant, at),
            settled.get(grant.id, 0),
            left.by_grant[grant.id] if at < grant.end else nothing,
        )
        for grant in sorted(grants, key=lambda grant: grant.rank)
    ]
    return CreditBalance(
        tenant,
        at,
        currency,
        tuple(found),
        sum(grant.units for grant in grants if grant.is_valid(at)),
        carried,
        Bounds(*(bound + carried for bound in left.total)),
        {channel: least + carried for channel, least in left.by_channel.items()},
        sum(sum(spend.amounts.values()) for spend in open_spends),
    )


def state_of(grant: Grant, at: Instant) -> GrantState:
    """Return the state of a grant at an instant."""
    if grant.revoked is not None and grant.revoked <= at:
        return "revoked"
    if at < grant.start:
        return "coming"
    return "current" if at < grant.end else "expired"


def remaining(
    grants: Iterable[Grant],
    settled: Mapping[str, Amount],
    open_spends: Iterable[OpenSpend],
    at: Instant,
) -> Remaining:
    """Return the remainder of grants of one currency at an instant.

    `open_spends` do not overlap: each lies entirely after the one before.
    """
    ranked = sorted(grants, key=lambda grant: grant.rank)
    whole = amounts_left(ranked, settled)
    left = {name: Bounds(amount, amount) for name, amount in whole.items()}
    spends = sorted(open_spends, key=lambda spend: spend.start)
    for spend in spends:
        _pay(ranked, left, spend)
    valid = [grant for grant in ranked if grant.is_valid(at)]
    used = {channel: sum(spend.amounts.get(channel, 0) for spend in spends) for channel in CHANNELS}
    least = sum(left[grant.id].at_least for grant in valid)
    held = sum(whole[grant.id] for grant in valid)
    return Remaining(
        left,
        {channel: _available(channel, valid, whole, left, used) for channel in CHANNELS},
        Bounds(
            max(least, held - sum(used.values())), sum(left[grant.id].at_most for grant in valid)
        ),
    )


def _pay(ranked: Iterable[Grant], left: dict[str, Bounds], spend: OpenSpend) -> None:
    """Take a spend off the remainders, grant by grant.

    For every set of channels, `unpaid` bounds the amount still to be paid: it is unknown for which
    of two channels a grant paid.
    """
    unpaid = {
        some: Bounds(amount, amount)
        for some in _SETS
        for amount in [sum(spend.amounts.get(channel, 0) for channel in some)]
    }
    if spend.is_settlement:
        ranked = sorted(ranked, key=lambda grant: grant.channel is None)
    for grant in ranked:
        if grant.start < spend.end and spend.start < grant.end:
            throughout = grant.start <= spend.start and spend.end <= grant.end
            payable = _EVERY if grant.channel is None else frozenset({grant.channel})
            has, due = left[grant.id], unpaid[payable]
            unpaid = _after(unpaid, payable, has, throughout=throughout)
            most = max(0, has.at_most - due.at_least) if throughout else has.at_most
            left[grant.id] = Bounds(max(0, has.at_least - due.at_most), most)


def _after(
    unpaid: Mapping[_Channels, Bounds], payable: _Channels, has: Bounds, *, throughout: bool
) -> dict[_Channels, Bounds]:
    """Return the unpaid bounds after a grant paid all it could, or possibly nothing."""
    return {
        some: Bounds(
            max(unpaid[some - payable].at_least, due.at_least - has.at_most),
            min(
                due.at_most,
                max(
                    unpaid[some - payable].at_most,
                    unpaid[some | payable].at_most - has.at_least,
                ),
            )
            if throughout
            else due.at_most,
        )
        for some, due in unpaid.items()
    }


def _available(
    channel: str | None,
    valid: Sequence[Grant],
    whole: Mapping[str, Amount],
    left: Mapping[str, Bounds],
    used: Mapping[str | None, Amount],
) -> Amount:
    """Return the least credit for a channel: by grant, or less all that may be missing."""
    usable = [grant for grant in valid if grant.pays_for(channel)]
    for_any = sum(whole[grant.id] for grant in usable if grant.channel is None)
    others = sum(amount for other, amount in used.items() if other != channel)
    held = sum(whole[grant.id] for grant in usable)
    return max(
        sum(left[grant.id].at_least for grant in usable),
        held - used[channel] - min(for_any, others),
    )
