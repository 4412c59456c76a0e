"""Credit: what is left of a tenant's grants, before and after what is not settled yet.

The head of a ledger says how much was used, not when. So what is left is known within bounds, and
`at_least` is never more than burning every spend in order of its time would leave: a grant pays
first for what it may have paid for, and never spares another one that may have been too late or too
early to pay. Where every grant is valid throughout a span, and pays for everything, both bounds
meet.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from typing import Final, Literal, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.credit.grant import Grant, amounts_left

CHANNELS: Final[tuple[str | None, ...]] = ("microsoft", "marketplace", None)
"""None: what has no channel, such as a fee, a tier or a package."""

type _Channels = frozenset[str | None]
type GrantState = Literal["coming", "current", "expired", "revoked"]

_EVERY: Final[_Channels] = frozenset(CHANNELS)
_SETS: Final[tuple[_Channels, ...]] = tuple(
    frozenset(some) for size in range(len(CHANNELS) + 1) for some in combinations(CHANNELS, size)
)


class Bounds(NamedTuple):
    """An amount of which only this much is known."""

    at_least: Amount
    at_most: Amount


class OpenSpend(NamedTuple):
    """What was used at some time in `[start, end)`, by channel."""

    start: Instant
    end: Instant
    amounts: Mapping[str | None, Amount]


class Remaining(NamedTuple):
    """What is left of grants."""

    by_grant: Mapping[str, Bounds]
    """Of all of them, whenever they are valid."""
    by_channel: Mapping[str | None, Amount]
    """What there is at least, of those valid now, to pay for a channel with."""
    total: Bounds
    """Of those valid now."""


class GrantCredit(NamedTuple):
    """One grant as it stands."""

    grant: Grant
    state: GrantState
    settled: Amount
    """What closed periods took."""
    remaining: Bounds
    """What may still be spent of it; nothing once it has ended."""


class CreditBalance(NamedTuple):
    """What a tenant has to pay with at an instant."""

    tenant: str
    at: Instant
    currency: str
    grants: tuple[GrantCredit, ...]
    """In the order in which they burn."""
    granted: Amount
    """What those valid now were given as."""
    remaining: Bounds
    by_channel: Mapping[str | None, Amount]
    """What there is at least to pay for a channel with: nothing stops a prepaid tenant's usage."""
    open_spend: Amount
    """What the ledgers come to that are not settled yet, as far as a grant could pay for them."""


def credit_balance(
    tenant: str,
    currency: str,
    grants: Sequence[Grant],
    settled: Mapping[str, Amount],
    open_spends: Sequence[OpenSpend],
    at: Instant,
) -> CreditBalance:
    """Return a tenant's credit from its grants of one currency and all that they may have paid."""
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
        left.total,
        left.by_channel,
        sum(sum(spend.amounts.values()) for spend in open_spends),
    )


def state_of(grant: Grant, at: Instant) -> GrantState:
    """Say what a grant is at an instant."""
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
    """Return what is left at an instant of grants of one currency.

    `open_spends` do not overlap: what lies in a later one was spent after all of an earlier one.
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
    """Take a spend off what is left, grant by grant.

    For every set of channels `unpaid` bounds what of them is still to be paid: which of two
    channels a grant paid for is not known.
    """
    unpaid = {
        some: Bounds(amount, amount)
        for some in _SETS
        for amount in [sum(spend.amounts.get(channel, 0) for channel in some)]
    }
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
    """Return what is unpaid after a grant paid all it could, or perhaps nothing at all."""
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
    """Return what there is at least for a channel: by grant, or less all that can be missing."""
    usable = [grant for grant in valid if grant.pays_for(channel)]
    for_any = sum(whole[grant.id] for grant in usable if grant.channel is None)
    others = sum(amount for other, amount in used.items() if other != channel)
    held = sum(whole[grant.id] for grant in usable)
    return max(
        sum(left[grant.id].at_least for grant in usable),
        held - used[channel] - min(for_any, others),
    )
