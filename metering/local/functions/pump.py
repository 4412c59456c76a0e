"""Pumps one partition into one function, in order, a batch at a time."""

import asyncio
from dataclasses import dataclass

from metering.local.functions.bindings import HubTrigger
from metering.local.functions.invoker import HostPace, Invoker
from metering.local.functions.worker import FunctionsWorker
from metering.local.hubs.hub import EmbeddedHub, HubEvent
from metering.local.hubs.leases import HostLeases, LeaseKey


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionPump:
    """Pumps one partition into one function."""

    trigger: HubTrigger
    partition: int
    max_events: int
    hub: EmbeddedHub
    worker: FunctionsWorker
    leases: HostLeases
    invoker: Invoker
    pace: HostPace

    async def run(self) -> None:
        """Pump until the host stops, whenever it holds the partition's lease.

        The checkpoint moves after a batch whether or not the function failed, as on Azure. It stays
        when the lease was lost, and once the host stops: a batch that succeeds then is delivered
        again (webjobs Event Hubs extension 6.2.0 and later).
        """
        source = self.trigger.hub, self.trigger.group, self.partition
        key = LeaseKey(*source)
        while not self.invoker.stopping:
            if not self.leases.hold(key) or not (events := self._next_batch()):
                await self.pace.sleep(self.pace.poll_s)
                continue
            await self._deliver(events)
            last = events[-1].sequence_number
            if self.invoker.stopping:
                return
            if not self.hub.save_checkpoint(*source, last, owner=self.leases.owner):
                self.leases.forget(key)
            # A function that never waits must not keep the other partitions from their turn.
            await asyncio.sleep(0)

    def _next_batch(self) -> list[HubEvent]:
        hub, group, partition = self.trigger.hub, self.trigger.group, self.partition
        after = self.hub.checkpoint(hub, group, partition)
        return self.hub.receive(hub, partition, after, self.max_events)

    async def _deliver(self, events: list[HubEvent]) -> None:
        function = self.trigger.function

        async def attempt(retries: int) -> None:
            await self.worker.invoke_event_hub(
                function.name, events, str(self.partition), retry_count=retries
            )

        await self.invoker.run(function, attempt)
