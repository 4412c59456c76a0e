"""Runs one invocation to its end: attempts, the declared retries, and reports of each failure."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from metering.core.basics.instants import SECOND
from metering.local.functions.metadata import FunctionMetadata
from metering.local.functions.worker import InvocationFailed
from metering.local.hubs.leases import HostLeases, LeaseKey

type FailureReport = Callable[[str, InvocationFailed], None]
"""Called with the function's name and the error after every failed attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPace:
    """The timing of a host: the pause on an idle partition, and the duration of a lease.

    `sleep` takes seconds; tests pass a shorter one.
    """

    poll_s: float = 0.05
    lease_life_us: int = 10 * SECOND
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Invoker:
    """Runs invocations for the holder of a lease, and counts those in progress."""

    def __init__(self, leases: HostLeases, pace: HostPace, on_failure: FailureReport) -> None:
        self.in_flight = 0
        self._leases = leases
        self._pace = pace
        self._on_failure = on_failure

    async def run(
        self,
        function: FunctionMetadata,
        key: LeaseKey,
        attempt: Callable[[int], Awaitable[None]],
    ) -> bool:
        """Attempt an invocation until it succeeds or its retries end. Return whether it has ended.

        `attempt` gets the number of retries so far. It is not over when the lease was lost
        between attempts: then another host has to do it.
        """
        self.in_flight += 1
        try:
            return await self._run(function, key, attempt)
        finally:
            self.in_flight -= 1

    async def _run(
        self,
        function: FunctionMetadata,
        key: LeaseKey,
        attempt: Callable[[int], Awaitable[None]],
    ) -> bool:
        retries = 0
        while not await self._succeeds(function, attempt, retries):
            policy = function.retry
            if policy is None or not policy.allows(retries):
                return True
            await self._pace.sleep(policy.delay_s(retries))
            if not self._leases.hold(key):
                return False
            retries += 1
        return True

    async def _succeeds(
        self, function: FunctionMetadata, attempt: Callable[[int], Awaitable[None]], retries: int
    ) -> bool:
        try:
            await attempt(retries)
        except InvocationFailed as error:
            self._on_failure(function.name, error)
            return False
        return True
