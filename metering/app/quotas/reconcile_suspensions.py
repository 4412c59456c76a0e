"""Suspend and reactivate the gateway's subscriptions as quotas require."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import MINUTE
from metering.core.quotas.suspension import (
    FREE,
    Action,
    Decision,
    Desired,
    Phase,
    SubscriptionState,
    Suspension,
    begin,
    decide_suspension,
    is_in_hand,
    is_stuck,
    move,
)
from metering.ports import (
    Alerts,
    Clock,
    DesiredStates,
    StoredSuspension,
    SubscriptionGate,
    SuspensionStore,
)

#: Desired states older than this are not acted on; the next run computes new ones.
MAX_AGE: Final = MINUTE


class Outcome(NamedTuple):
    """The outcome for one subscription."""

    subscription: str
    action: Action
    why: str
    failure: str = ""
    """Why the action was not done, or may not have been; empty if it was."""


class Reconciliation(NamedTuple):
    """The outcomes of one run."""

    outcomes: tuple[Outcome, ...]
    """The subscriptions that were acted on, in that order."""
    left: int
    """The number of subscriptions left to the next run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileSuspensions:
    """The use case that suspends and reactivates subscriptions; a timer runs it."""

    gate: SubscriptionGate
    suspensions: SuspensionStore
    desired: DesiredStates
    clock: Clock
    alerts: Alerts

    async def run(self) -> Reconciliation:
        """Compare the desired states with the actual ones, and change those that differ.

        Safe to repeat at any point and in several processes. A fault of one subscription is in its
        outcome and does not delay the others. A permanent fault (a permission is missing) raises.
        """
        known = await self.suspensions.list_suspensions()
        now = self.clock.now()
        wanted = await self.desired.desired_states(now)
        held = {stored.suspension.subscription: stored for stored in known}
        names = _in_order(wanted, held)
        outcomes: list[Outcome] = []
        for place, name in enumerate(names):
            if self.clock.now() - now >= MAX_AGE:
                return Reconciliation(tuple(outcomes), len(names) - place)
            outcome = await self._one(name, wanted.get(name, FREE), held.get(name))
            if outcome.action is not Action.LEAVE or outcome.failure:
                outcomes.append(outcome)
        return Reconciliation(tuple(outcomes), 0)

    async def _one(self, name: str, desired: Desired, stored: StoredSuspension | None) -> Outcome:
        held = None if stored is None else stored.suspension
        now = self.clock.now()
        if held is not None and is_in_hand(held, now):
            return Outcome(name, Action.LEAVE, "another process is changing it")
        if held is not None and is_stuck(held, now):
            self.alerts.alert(
                f"subscription {name}: {held.phase} for long: check it in API Management",
                "suspension",
            )
        decision = Decision(Action.LEAVE, desired.reason)
        try:
            observed = await self.gate.read_state(name)
            decision = decide_suspension(desired, observed, held, now)
            failure = await self._carry_out(name, decision, stored)
        except RetryableError as error:
            failure = str(error)
        return Outcome(name, *decision, failure)

    async def _carry_out(
        self, name: str, decision: Decision, stored: StoredSuspension | None
    ) -> str:
        """Carry out a decision and return the failure; empty on success."""
        match decision.action:
            case Action.SUSPEND:
                return await self._suspend(name, decision.why, stored)
            case Action.LEAVE:
                return ""
        assert stored is not None
        match decision.action:
            case Action.REACTIVATE:
                return await self._reactivate(stored, decision.why)
            case Action.FORGET:
                return _lost(unless=await self.suspensions.remove_suspension(name, stored.etag))
            case Action.REPORT:
                return await self._report(stored, decision.why)
            case _:
                return _lost(unless=await self._move(stored, Phase.SUSPENDED, decision.why))

    async def _suspend(self, name: str, why: str, stored: StoredSuspension | None) -> str:
        """Record the intent, suspend, record the result."""
        marked = await self._mark(name, Phase.SUSPENDING, why, stored)
        if marked is None:
            return _lost(unless=False)
        await self.gate.set_state(name, SubscriptionState.SUSPENDED)
        if not await self._move(marked, Phase.SUSPENDED, why):
            # Another process presumed this one dead. It is suspended now: record that.
            mine = begin(name, Phase.SUSPENDING, why, self.clock.now())
            await self.suspensions.put_suspension(mine, None)
            return _lost(unless=False)
        return ""

    async def _reactivate(self, stored: StoredSuspension, why: str) -> str:
        name = stored.suspension.subscription
        marked = await self._mark(name, Phase.REACTIVATING, why, stored)
        if marked is None:
            return _lost(unless=False)
        await self.gate.set_state(name, SubscriptionState.ACTIVE)
        return _lost(unless=await self.suspensions.remove_suspension(name, marked.etag))

    async def _report(self, stored: StoredSuspension, why: str) -> str:
        """Alert, then record: a crash in between repeats the alert, and never loses it."""
        # If the record is unchanged since before the read, no process of ours made that state.
        if stored not in await self.suspensions.list_suspensions():
            return _lost(unless=False)
        name = stored.suspension.subscription
        self.alerts.alert(f"subscription {name}: {why}: left unchanged", "suspension")
        return _lost(unless=await self._move(stored, Phase.OVERRIDDEN, why))

    async def _mark(
        self, name: str, phase: Phase, why: str, stored: StoredSuspension | None
    ) -> StoredSuspension | None:
        """Mark a subscription as being changed; None if another process was first."""
        now = self.clock.now()
        if stored is None:
            return await self._put(begin(name, phase, why, now), None)
        return await self._put(move(stored.suspension, phase, why, now), stored.etag)

    async def _move(self, stored: StoredSuspension, phase: Phase, why: str) -> bool:
        moved = move(stored.suspension, phase, why, self.clock.now())
        return await self._put(moved, stored.etag) is not None

    async def _put(self, suspension: Suspension, etag: str | None) -> StoredSuspension | None:
        new = await self.suspensions.put_suspension(suspension, etag)
        return None if new is None else StoredSuspension(suspension, new)


def _in_order(wanted: Mapping[str, Desired], held: Mapping[str, StoredSuspension]) -> list[str]:
    """Return the subscriptions to check: first those to reactivate, then new ones, then the rest.

    Subscriptions that are neither held nor to be suspended are left out: there may be thousands.
    """

    def rank(name: str) -> tuple[bool, bool, str]:
        is_wanted = wanted.get(name, FREE).is_suspended
        return is_wanted, is_wanted and name in held, name

    new = {name for name, desired in wanted.items() if desired.is_suspended}
    return sorted(new | set(held), key=rank)


def _lost(*, unless: bool) -> str:
    return "" if unless else "another process was first"
