"""What the tests of suspension share: a gateway behind the unmodified SDK, and processes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

from metering.adapters.azure.apim import ApimSubscriptions
from metering.adapters.azure.arm import Arm
from metering.app.quotas.reconcile_suspensions import ReconcileSuspensions
from metering.core.basics.instants import Instant
from metering.core.quotas.suspension import Desired, SubscriptionState, Suspension
from metering.ports import StoredSuspension, SubscriptionGate, SuspensionStore
from tests.builders import NOW
from tests.doubles.arm.api_management import AZURE_SUBSCRIPTION, GROUP, SERVICE
from tests.systems import MovableClock, RecordedAlerts

BLOCK: Final = Desired(is_suspended=True, reason="quota day: 100 %")
UNBLOCK: Final = Desired(is_suspended=False, reason="a new window")

type Step = Callable[[], Awaitable[None]]


class Crash(BaseException):
    """The process ends here."""


class Steps:
    """What a process does outside, step by step, and what befalls it around one of them."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.before: dict[int, Step] = {}
        """By the number of the step, counted from 0."""
        self.after: dict[int, Step] = {}

    async def take[T](self, name: str, step: Awaitable[T]) -> T:
        number = len(self.names)
        self.names.append(name)
        try:
            await self._befall(self.before, number)
        except BaseException:
            step.close()  # type: ignore[attr-defined]
            raise
        done = await step
        await self._befall(self.after, number)
        return done

    @staticmethod
    async def _befall(ordered: dict[int, Step], number: int) -> None:
        if number in ordered:
            await ordered.pop(number)()


class SteppedGate:
    """A gateway's subscriptions, step by step."""

    def __init__(self, gate: SubscriptionGate, steps: Steps) -> None:
        self._gate = gate
        self._steps = steps

    async def read_state(self, subscription: str) -> SubscriptionState | None:
        return await self._steps.take("read", self._gate.read_state(subscription))

    async def set_state(
        self,
        subscription: str,
        state: Literal[SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED],
    ) -> None:
        await self._steps.take(f"set {state}", self._gate.set_state(subscription, state))


class SteppedStore:
    """A store's suspensions, step by step."""

    def __init__(self, store: SuspensionStore, steps: Steps) -> None:
        self._store = store
        self._steps = steps

    async def list_suspensions(self) -> list[StoredSuspension]:
        return await self._steps.take("list", self._store.list_suspensions())

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        put = self._store.put_suspension(suspension, etag)
        return await self._steps.take(f"put {suspension.phase}", put)

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        return await self._steps.take("remove", self._store.remove_suspension(subscription, etag))


class Wanted:
    """What quotas want; a test changes it."""

    def __init__(self) -> None:
        self.states: dict[str, Desired] = {}
        self.faults: list[BaseException] = []

    async def desired_states(self, _: Instant) -> Mapping[str, Desired]:
        await asyncio.sleep(0)
        if self.faults:
            raise self.faults.pop(0)
        return dict(self.states)


class Process:
    """One process that reconciles over a gateway and a store that it may share."""

    def __init__(self, url: str, store: SuspensionStore, clock: MovableClock | None = None) -> None:
        self.clock = clock or MovableClock(NOW)
        self.steps = Steps()
        self.wanted = Wanted()
        self.alerts = RecordedAlerts()
        self.gate = ApimSubscriptions(
            Arm(url), subscription_id=AZURE_SUBSCRIPTION, resource_group=GROUP, service=SERVICE
        )
        self.store = store
        self.reconcile = ReconcileSuspensions(
            gate=SteppedGate(self.gate, self.steps),
            suspensions=SteppedStore(store, self.steps),
            desired=self.wanted,
            clock=self.clock,
            alerts=self.alerts,
        )

    async def run(self, **wanted: Desired) -> list[Any]:
        """Run once with what is wanted, and return names and actions of what was done."""
        self.wanted.states = {name.replace("_", "-"): one for name, one in wanted.items()}
        done = await self.reconcile.run()
        return [(outcome.subscription, outcome.action) for outcome in done.outcomes]

    async def held(self) -> dict[str, str]:
        """Return the phase of each record."""
        known = await self.store.list_suspensions()
        return {one.suspension.subscription: one.suspension.phase for one in known}
