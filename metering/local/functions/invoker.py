"""Runs one invocation to its end: attempts, the declared retries, and reports of each failure."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from metering.core.basics.instants import SECOND
from metering.local.functions.metadata import FunctionMetadata
from metering.local.functions.worker import InvocationFailed

type FailureReport = Callable[[str, InvocationFailed], None]
"""Called with the function's name and the error after every failed attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPace:
    """The timing of a host: the pause on an idle partition, and the duration of a lease.

    `sleep` takes seconds; tests pass a shorter one.
    """

    poll_s: float = 0.05
    stop_s: float = 2.0
    """The time that a stopping host leaves to what runs; Azure leaves minutes."""
    lease_life_us: int = 10 * SECOND
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


class Invoker:
    """Runs invocations to their end, and counts those in progress."""

    def __init__(self, pace: HostPace, on_failure: FailureReport) -> None:
        self.in_flight = 0
        self.stopping = False
        """Whether nothing new may begin, and no batch that ends is checkpointed."""
        self._pace = pace
        self._on_failure = on_failure

    async def run(
        self, function: FunctionMetadata, attempt: Callable[[int], Awaitable[None]]
    ) -> None:
        """Attempt an invocation until it succeeds or its retries end.

        `attempt` gets the number of retries so far. As on Azure nobody asks between attempts whose
        the partition is: its last owner goes on beside the new one, until one of them succeeds
        (EventProcessor 5.12.2 gives a partition up only after its batch).
        """
        self.in_flight += 1
        try:
            retries = 0
            while not await self._succeeds(function, attempt, retries):
                policy = function.retry
                if policy is None or not policy.allows(retries):
                    return
                await self._pace.sleep(policy.delay_s(retries))
                retries += 1
        finally:
            self.in_flight -= 1

    async def _succeeds(
        self, function: FunctionMetadata, attempt: Callable[[int], Awaitable[None]], retries: int
    ) -> bool:
        try:
            await attempt(retries)
        except InvocationFailed as error:
            self._on_failure(function.name, error)
            return False
        return True
