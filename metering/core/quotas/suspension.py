"""Suspension: the next action for a gateway subscription that quotas block, or no longer block.

Only subscriptions that this system suspended are reactivated. So each suspension has a record,
written before the gateway is called and removed after the reactivation; a subscription without a
record is never changed. Records also coordinate processes: a process marks the record before it
changes the subscription, and others wait until the mark is old.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.instants import MINUTE, Instant

#: How long a mark keeps other processes away. A change takes two minutes at most.
KEEP_AWAY: Final = 5 * MINUTE
#: A change that takes longer than this needs an operator.
STUCK_AFTER: Final = 15 * MINUTE


class SubscriptionState(StrEnum):
    """The states of a subscription of API Management."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    SUBMITTED = "submitted"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    OTHER = "other"
    """A state unknown to this version; such a subscription is left unchanged."""


class Phase(StrEnum):
    """The phase of a suspension. Stable: stores keep the text."""

    SUSPENDING = "suspending"
    """The gateway has been asked to suspend, or is about to be."""
    SUSPENDED = "suspended"
    """The gateway has suspended the subscription."""
    REACTIVATING = "reactivating"
    """The gateway has been asked to reactivate, or is about to be."""
    OVERRIDDEN = "overridden"
    """An operator changed the subscription by hand: left unchanged while quotas block it."""


class Suspension(NamedTuple):
    """The record of a suspension by this system, done or about to be done."""

    subscription: str
    phase: Phase
    reason: str
    """The reason, for operators."""
    since: Instant
    """The start of this phase."""
    at: Instant
    """The time of the last mark by a process."""


class Desired(NamedTuple):
    """The desired state of a subscription, and the reason."""

    is_suspended: bool
    reason: str


#: The desired state of every subscription that no quota blocks.
FREE: Final = Desired(is_suspended=False, reason="no quota requires its suspension")


class Action(StrEnum):
    """The next action for one subscription."""

    LEAVE = "leave"
    SUSPEND = "suspend"
    CONFIRM = "confirm"
    """Record that it is suspended: a process did that and stopped before recording it."""
    REACTIVATE = "reactivate"
    REPORT = "report"
    """Alert once that it was changed by hand, and leave it unchanged."""
    FORGET = "forget"
    """Remove the record: nothing is left to reactivate."""


class Decision(NamedTuple):
    """The next action, and the reason."""

    action: Action
    why: str


def is_in_hand(held: Suspension, now: Instant) -> bool:
    """Return whether another process may be changing it now."""
    return held.phase in _UNDER_WAY and now - held.at < KEEP_AWAY


def is_stuck(held: Suspension, now: Instant) -> bool:
    """Return whether a change started long ago and is still not done."""
    return held.phase in _UNDER_WAY and now - held.since >= STUCK_AFTER


def begin(subscription: str, phase: Phase, reason: str, now: Instant) -> Suspension:
    """Return the record of a phase that starts now."""
    return Suspension(subscription, phase, reason, now, now)


def move(held: Suspension, phase: Phase, reason: str, now: Instant) -> Suspension:
    """Return the record of the next phase; a resumed phase keeps its start."""
    since = held.since if held.phase is phase else now
    return held._replace(phase=phase, reason=reason, since=since, at=now)


def decide_suspension(
    desired: Desired, observed: SubscriptionState | None, held: Suspension | None, now: Instant
) -> Decision:
    """Return the action that brings a subscription to its desired state.

    `observed` is None for a subscription unknown to the gateway; `held` is None for one that this
    system did not suspend.
    """
    if held is not None and is_in_hand(held, now):
        return Decision(Action.LEAVE, "another process is changing it")
    if held is None:
        if desired.is_suspended and observed is SubscriptionState.ACTIVE:
            return Decision(Action.SUSPEND, desired.reason)
        return Decision(Action.LEAVE, "not active, and not suspended by us")
    if observed is None:
        return Decision(Action.FORGET, "the gateway has no such subscription")
    if desired.is_suspended:
        return _keep_suspended(desired, observed, held)
    return _give_back(desired, observed, held)


def _keep_suspended(desired: Desired, observed: SubscriptionState, held: Suspension) -> Decision:
    if held.phase is Phase.OVERRIDDEN:
        return Decision(Action.LEAVE, "changed by hand")
    if observed is SubscriptionState.SUSPENDED:
        if held.phase is Phase.SUSPENDED:
            return Decision(Action.LEAVE, desired.reason)
        return Decision(Action.CONFIRM, desired.reason)
    if held.phase is Phase.SUSPENDED:
        return Decision(Action.REPORT, f"suspended by us, and {observed} by hand since")
    if observed is SubscriptionState.ACTIVE:
        return Decision(Action.SUSPEND, desired.reason)
    return Decision(Action.FORGET, f"{observed} by hand before it was suspended")


def _give_back(desired: Desired, observed: SubscriptionState, held: Suspension) -> Decision:
    if held.phase is Phase.OVERRIDDEN:
        return Decision(Action.FORGET, "changed by hand, and no longer blocked by quotas")
    if observed is SubscriptionState.SUSPENDED:
        return Decision(Action.REACTIVATE, desired.reason)
    return Decision(Action.FORGET, f"{observed} already")


_UNDER_WAY: Final = frozenset({Phase.SUSPENDING, Phase.REACTIVATING})
