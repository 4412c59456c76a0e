"""Cosmos DB under faults on the wire: nothing is lost and nothing counts twice."""

from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from metering.bootstrap import Stores, stores_for
from metering.core.basics.errors import RetryableError
from metering.settings.settings import CosmosStore
from tests.doubles.cosmos import CosmosPeer, Fault
from tests.faults.machine import HOSTS, MAX_BATCH, ExactlyOnce
from tests.systems import System

FAULTS = {
    "lost answer": Fault(what="succeed_then_time_out", kind="batch", hold_s=0),
    "unavailable": Fault(what="fail_before", kind="batch", status=500),
    "throttled": Fault(what="throttle", kind="batch", times=2),
    "dropped": Fault(what="drop_connection", kind="batch"),
    "stale head": Fault(what="stale_read", kind="read", item="head"),
    "lagging query": Fault(what="lagging_query", kind="query", container="ledgers", times=2),
    "lost record": Fault(
        what="succeed_then_time_out", kind="create", container="registry", hold_s=0
    ),
}
ON_A_MARK = (
    Fault(what="succeed_then_time_out", kind="patch", hold_s=0),
    Fault(what="fail_before", kind="patch", status=500),
    Fault(what="drop_connection", kind="patch"),
)


class OnCosmos(ExactlyOnce):
    """Processes over one account; besides what befalls processes, the wire misbehaves."""

    peer: ClassVar[CosmosPeer]

    def __init__(self) -> None:
        super().__init__()
        self.peer.clear()
        self.made: list[Stores] = []

    async def make_process(self) -> System:
        """Connect once more, as another process would."""
        stores = stores_for(CosmosStore(self.peer.url, "metering", self.peer.key))
        if not self.made:
            await stores.prepare()
        self.made.append(stores)
        return System(stores, clock=self.clock)

    @rule(
        host=st.integers(0, HOSTS - 1),
        size=st.integers(1, MAX_BATCH),
        names=st.lists(st.sampled_from(sorted(FAULTS)), min_size=1, max_size=4),
    )
    def deliver_over_a_bad_wire(self, host: int, size: int, names: list[str]) -> None:
        """The service or the network misbehaves while a host takes a batch."""
        self.peer.faults.add(*(FAULTS[name] for name in names))
        try:
            self.run(self._ingest(self.hosts[host], self.checkpoint, size))
        except RetryableError:
            return
        finally:
            self.peer.faults.clear()
        self.checkpoint = min(len(self.log), self.checkpoint + size)

    @rule(host=st.integers(0, HOSTS - 1), fault=st.sampled_from(ON_A_MARK))
    def tell_over_a_bad_wire(self, host: int, fault: Fault) -> None:
        """What was told cannot be marked, or is marked and the answer lost."""
        self.peer.faults.add(fault)
        try:
            self.run(self.hosts[host].deliver.run())
        except RetryableError:
            return
        finally:
            self.peer.faults.clear()

    async def close(self) -> None:
        """Close the clients of this run."""
        for stores in self.made:
            await stores.close()


TestNothingIsLostAndNothingCountsTwice = OnCosmos.TestCase
TestNothingIsLostAndNothingCountsTwice.settings = settings(
    max_examples=25,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def setup_module() -> None:
    """Start the peer for all runs."""
    OnCosmos.peer = CosmosPeer().__enter__()


def teardown_module() -> None:
    """Stop it."""
    OnCosmos.peer.__exit__(None, None, None)
