"""The Functions host on one machine: pumps partitions into functions and runs timers."""

import asyncio
import uuid
from collections.abc import Mapping
from contextlib import suppress

from metering.core.basics.errors import MeteringError
from metering.core.basics.instants import SECOND
from metering.local.functions.bindings import hub_triggers, max_batch_size, timer_triggers
from metering.local.functions.invoker import FailureReport, HostPace, Invoker
from metering.local.functions.pump import PartitionPump
from metering.local.functions.timers import TimerRunner
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.leases import HostLeases

_PRUNE_EVERY_S = 600

#: Leases are looked at this often in their life; each is written again after a third of it.
_LEASE_CHECKS_PER_LIFE = 6


class HostStopped(MeteringError):
    """The host has stopped, so the events left in its hubs will not be read."""


class FunctionsHost:
    """Feeds an app from a hub file as the Azure Functions host does from Event Hubs.

    Several hosts may share a file: each partition and each timer belongs to one of them at a
    time. Times are those of the hub's clock.
    """

    def __init__(
        self,
        worker: FunctionsWorker,
        hub: EmbeddedHub,
        settings: Mapping[str, str],
        *,
        on_failure: FailureReport,
        pace: HostPace | None = None,
    ) -> None:
        """Read the app's bindings and host.json, and declare the hubs that are not there yet.

        `settings` resolve each `%NAME%` in a binding. Raises ConfigurationError for a binding
        that cannot be served.
        """
        functions = worker.functions.values()
        self._worker = worker
        self._hub = hub
        self._pace = pace or HostPace()
        self._hub_triggers = hub_triggers(functions, settings)
        self._timer_triggers = timer_triggers(functions, settings)
        self._max_events = max_batch_size(worker.app_dir)
        self._leases = HostLeases(hub, str(uuid.uuid4()), self._pace.lease_life_us)
        self._invoker = Invoker(self._pace, on_failure)
        self._stopped = False
        for name in {trigger.hub for trigger in self._hub_triggers}:
            if not hub.is_declared(name):
                hub.declare(name)

    async def run(self) -> None:
        """Serve every Event Hub and timer function until cancelled, then give up the leases.

        What a function was doing when cancelled is delivered again by the next host.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                for pump in self._pumps():
                    tasks.create_task(pump.run())
                for timer in self._timers():
                    tasks.create_task(timer.run())
                tasks.create_task(self._keep_leases())
                tasks.create_task(self._prune())
        finally:
            self._stopped = True
            self._leases.release()

    async def stop(self) -> None:
        """Begin nothing new, and leave what runs the pace's time to end; then cancel `run`.

        Batches that end now are not checkpointed, as on Azure: the next host repeats them.
        """
        self._invoker.stopping = True
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.stop_s):
                while self._invoker.in_flight:
                    await self._pace.sleep(self._pace.poll_s)

    async def drain(self) -> None:
        """Return once every event of this host's hubs is read and no invocation is in progress.

        Needs `run` to be under way, and raises HostStopped when it has ended before that. A batch
        that failed for good counts as read.
        """
        while not self._is_idle():
            if self._stopped:
                raise HostStopped("the host stopped before its hubs were empty")
            await self._pace.sleep(self._pace.poll_s)

    def _is_idle(self) -> bool:
        return self._invoker.in_flight == 0 and not any(
            self._hub.backlog(trigger.hub, trigger.group) for trigger in self._hub_triggers
        )

    def _pumps(self) -> list[PartitionPump]:
        return [
            PartitionPump(
                trigger=trigger,
                partition=partition,
                max_events=self._max_events,
                hub=self._hub,
                worker=self._worker,
                leases=self._leases,
                invoker=self._invoker,
                pace=self._pace,
            )
            for trigger in self._hub_triggers
            for partition in range(self._hub.partition_count(trigger.hub))
        ]

    def _timers(self) -> list[TimerRunner]:
        return [
            TimerRunner(
                trigger=trigger,
                hub=self._hub,
                worker=self._worker,
                leases=self._leases,
                invoker=self._invoker,
                pace=self._pace,
            )
            for trigger in self._timer_triggers
        ]

    async def _keep_leases(self) -> None:
        """Keep the leases alive while functions run for longer than a lease lives."""
        while True:
            await self._pace.sleep(self._pace.lease_life_us / SECOND / _LEASE_CHECKS_PER_LIFE)
            self._leases.renew()

    async def _prune(self) -> None:
        while True:
            await self._pace.sleep(_PRUNE_EVERY_S)
            self._hub.prune()
