"""Suspension: what to do about a gateway subscription that should be blocked, or no more.

We only give back what we took. So each suspension of ours is a record, written before the gateway
is asked and removed after it gave the subscription back; what has no record is not touched. The
records also keep processes apart: who is about to change a subscription marks its record, and
others stay away until the mark is old.
"""

from enum import StrEnum
from typing import Final, NamedTuple

from metering.core.basics.instants import MINUTE, Instant

#: How long a mark keeps others away. A change takes two minutes at most, or it never happens.
KEEP_AWAY: Final = 5 * MINUTE
#: A change that was begun so long ago and is not done wants a person.
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
    """One that is not known here: left alone."""


class Phase(StrEnum):
    """How far a suspension of ours has come. Stable: stores rely on the text."""

    SUSPENDING = "suspending"
    """The gateway is asked, or was about to be."""
    SUSPENDED = "suspended"
    """The gateway has done it."""
    REACTIVATING = "reactivating"
    """The gateway is asked to give it back, or was about to be."""
    OVERRIDDEN = "overridden"
    """Somebody changed it by hand meanwhile: ours no more, and left alone while it is wanted."""


class Suspension(NamedTuple):
    """The record that a subscription is suspended by us, or about to be."""

    subscription: str
    phase: Phase
    reason: str
    """Why it is wanted, for people."""
    since: Instant
    """When this phase was begun first."""
    at: Instant
    """When somebody took it in hand last."""


class Desired(NamedTuple):
    """Whether a subscription should be suspended now, and why."""

    is_suspended: bool
    reason: str


#: What nobody asks to suspend is to be active.
FREE: Final = Desired(is_suspended=False, reason="nothing asks for its suspension")


class Action(StrEnum):
    """What to do about one subscription."""

    LEAVE = "leave"
    SUSPEND = "suspend"
    CONFIRM = "confirm"
    """Note that it is suspended: whoever did it did not come to note it."""
    REACTIVATE = "reactivate"
    REPORT = "report"
    """Tell that somebody changed it by hand, once, and leave it alone."""
    FORGET = "forget"
    """Remove the record: there is nothing left to give back."""


class Decision(NamedTuple):
    """What to do, and why."""

    action: Action
    why: str


def is_in_hand(held: Suspension, now: Instant) -> bool:
    """Say whether somebody may be changing it at this moment."""
    return held.phase in _UNDER_WAY and now - held.at < KEEP_AWAY


def is_stuck(held: Suspension, now: Instant) -> bool:
    """Say whether a change of it was begun long ago and is still not done."""
    return held.phase in _UNDER_WAY and now - held.since >= STUCK_AFTER


def begin(subscription: str, phase: Phase, reason: str, now: Instant) -> Suspension:
    """Return the record of a phase that begins now."""
    return Suspension(subscription, phase, reason, now, now)


def move(held: Suspension, phase: Phase, reason: str, now: Instant) -> Suspension:
    """Return the record of what follows; one that is taken up again keeps its beginning."""
    since = held.since if held.phase is phase else now
    return held._replace(phase=phase, reason=reason, since=since, at=now)


def decide_suspension(
    desired: Desired, observed: SubscriptionState | None, held: Suspension | None, now: Instant
) -> Decision:
    """Return what brings a subscription to where it should be.

    `observed` is None for one that the gateway does not have; `held` is None for one that we did
    not suspend.
    """
    if held is not None and is_in_hand(held, now):
        return Decision(Action.LEAVE, "somebody is at it")
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
        return Decision(Action.FORGET, "changed by hand, and wanted no more")
    if observed is SubscriptionState.SUSPENDED:
        return Decision(Action.REACTIVATE, desired.reason)
    return Decision(Action.FORGET, f"{observed} already")


_UNDER_WAY: Final = frozenset({Phase.SUSPENDING, Phase.REACTIVATING})
