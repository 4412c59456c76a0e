"""The Cosmos DB double's faults, as the unmodified client meets them."""

from collections.abc import Callable
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.core.exceptions import ServiceRequestError, ServiceResponseTimeoutError
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosBatchOperationError,
    CosmosHttpResponseError,
    CosmosResourceNotFoundError,
)

from tests.doubles.cosmos import CosmosPeer, Fault, RequestInfo
from tests.doubles.cosmos.client import quick_client

pytest_plugins = ["tests.doubles.cosmos.fixtures"]


def item(id_: str, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "ledger": "t|1", **fields}


def kinds(peer: CosmosPeer) -> list[str]:
    return [one.kind for one in peer.requests if one.kind != "metadata"]


def stored(peer: CosmosPeer) -> list[str]:
    return [document["id"] for document in peer.documents("metering", "ledger")]


async def commit(container: ContainerProxy, *ids: str) -> None:
    await container.execute_item_batch([("create", (item(id_),)) for id_ in ids], "t|1")


class TestLostReplies:
    async def test_a_batch_that_succeeded_times_out_when_its_reply_is_held(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        cosmos_peer.faults.add(Fault(kind="batch", what="succeed_then_time_out"))
        with pytest.raises(ServiceResponseTimeoutError):
            await commit(cosmos_container, "a", "b")
        assert stored(cosmos_peer) == ["a", "b"]
        assert kinds(cosmos_peer) == ["batch"]
        assert cosmos_peer.requests[-1].status == 200

    async def test_a_batch_that_succeeded_loses_its_connection(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        cosmos_peer.faults.add(Fault(kind="batch", what="succeed_then_time_out", hold_s=0))
        with pytest.raises(ServiceRequestError):
            await commit(cosmos_container, "a")
        assert stored(cosmos_peer) == ["a"]
        await commit(cosmos_container, "b")

    @pytest.mark.usefixtures("cosmos_container")
    async def test_a_client_with_default_retries_sends_the_lost_batch_again_and_meets_itself(
        self, cosmos_peer: CosmosPeer
    ) -> None:
        async with quick_client(cosmos_peer, retry_total=3, retry_read=3) as client:
            same = client.get_database_client("metering").get_container_client("ledger")
            cosmos_peer.faults.add(Fault(kind="batch", what="succeed_then_time_out"))
            with pytest.raises(CosmosBatchOperationError) as raised:
                await commit(same, "a")
        assert raised.value.status_code == 409
        assert kinds(cosmos_peer) == ["batch", "batch"]
        assert stored(cosmos_peer) == ["a"]

    async def test_the_http_library_sends_a_lost_replace_again_whatever_the_client_is_told(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        made = await cosmos_container.create_item(item("head", n=1))
        cosmos_peer.faults.add(Fault(kind="replace", what="succeed_then_time_out", hold_s=0))
        with pytest.raises(CosmosAccessConditionFailedError):
            await cosmos_container.replace_item(
                "head",
                item("head", n=2),
                etag=made["_etag"],
                match_condition=MatchConditions.IfNotModified,
            )
        assert kinds(cosmos_peer) == ["create", "replace", "replace"]
        assert cosmos_peer.documents("metering", "ledger")[0]["n"] == 2


class TestFailures:
    async def test_a_dropped_connection_carries_nothing_out(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        cosmos_peer.faults.add(Fault(kind="batch", what="drop_connection"))
        with pytest.raises(ServiceRequestError):
            await commit(cosmos_container, "a")
        assert stored(cosmos_peer) == []
        assert cosmos_peer.charges.by_kind["batch"] == 0

    @pytest.mark.parametrize(("status", "substatus"), [(408, 0), (500, 0), (503, 0), (403, 5301)])
    async def test_a_failure_before_the_write_carries_nothing_out(
        self,
        cosmos_peer: CosmosPeer,
        cosmos_container: ContainerProxy,
        status: int,
        substatus: int,
    ) -> None:
        fault = Fault(kind="batch", what="fail_before", status=status, substatus=substatus)
        cosmos_peer.faults.add(fault)
        with pytest.raises(CosmosHttpResponseError) as raised:
            await commit(cosmos_container, "a")
        assert (raised.value.status_code, raised.value.sub_status or 0) == (status, substatus)
        assert stored(cosmos_peer) == []
        await commit(cosmos_container, "a")

    async def test_the_client_waits_and_tries_again_when_it_is_throttled(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        cosmos_peer.faults.add(Fault(kind="batch", what="throttle", times=2, retry_after_ms=20))
        await commit(cosmos_container, "a")
        statuses = [one.status for one in cosmos_peer.requests if one.kind == "batch"]
        assert statuses == [429, 429, 200]

    async def test_the_client_gives_up_after_nine_throttled_retries(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        cosmos_peer.faults.add(Fault(kind="create", what="throttle", times=99, retry_after_ms=1))
        with pytest.raises(CosmosHttpResponseError) as raised:
            await cosmos_container.create_item(item("a"))
        assert (raised.value.status_code, raised.value.sub_status) == (429, 3200)
        assert raised.value.headers["x-ms-retry-after-ms"] == "1"
        assert len(kinds(cosmos_peer)) == 10


class TestStaleness:
    async def test_a_stale_read_answers_the_version_before_with_its_etag(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        first = await cosmos_container.create_item(item("head", n=1))
        second = await cosmos_container.replace_item("head", item("head", n=2))
        cosmos_peer.faults.add(Fault(kind="read", what="stale_read", item="head"))
        stale = await cosmos_container.read_item("head", "t|1")
        assert (stale["n"], stale["_etag"]) == (1, first["_etag"])
        fresh = await cosmos_container.read_item("head", "t|1")
        assert (fresh["n"], fresh["_etag"]) == (2, second["_etag"])

    async def test_what_was_created_only_once_is_not_there_for_a_stale_read(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        await commit(cosmos_container, "page")
        cosmos_peer.faults.add(Fault(what="stale_read"))
        with pytest.raises(CosmosResourceNotFoundError):
            await cosmos_container.read_item("page", "t|1")

    async def test_a_lagging_query_lacks_the_newest_items_or_a_named_one(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        for id_ in "abc":
            await commit(cosmos_container, id_)
        await cosmos_container.upsert_item(item("a", again=True))
        cosmos_peer.faults.add(Fault(kind="query", what="lagging_query", lag=2))
        cosmos_peer.faults.add(Fault(what="lagging_query", item="b"))
        for ids in (["b"], ["a", "c"], ["a", "b", "c"]):
            found = cosmos_container.query_items("SELECT * FROM c", partition_key="t|1")
            assert [one["id"] async for one in found] == ids


class TestTargets:
    async def test_a_fault_befalls_the_nth_fitting_request_so_many_times(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        fault = Fault(kind="create", what="fail_before", status=500, nth=2, times=2)
        cosmos_peer.faults.add(fault)
        outcomes = [await _outcome(cosmos_container, f"i{number}") for number in range(4)]
        assert outcomes == [201, 500, 500, 201]
        assert cosmos_peer.faults.pending == []

    async def test_the_first_added_fault_that_is_due_befalls(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        cosmos_peer.faults.add(
            Fault(kind="create", what="fail_before", status=500, item="b"),
            Fault(kind="create", what="fail_before", status=408, container="ledger"),
            Fault(kind="create", what="fail_before", status=403, container="other"),
        )
        outcomes = [await _outcome(cosmos_container, id_) for id_ in ("a", "b", "c")]
        assert outcomes == [408, 500, 201]
        assert [fault.container for fault in cosmos_peer.faults.pending] == ["other"]

    async def test_a_fault_without_a_kind_leaves_metadata_alone(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        cosmos_peer.faults.add(Fault(what="fail_before", status=500))
        await cosmos_container.read()
        assert await _outcome(cosmos_container, "a") == 500

    async def test_a_schedule_decides_request_by_request(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        def every_other_batch(request: RequestInfo) -> Fault | None:
            assert request.operations == ("create", "create")
            odd = request.body[0]["resourceBody"]["n"] % 2
            return Fault(what="fail_before", status=500) if odd else None

        cosmos_peer.faults.schedule(every_other_batch)
        statuses: list[int | None] = []
        for number in range(4):
            batch = [("create", (item(f"{half}{number}", n=number),)) for half in "ab"]
            try:
                await cosmos_container.execute_item_batch(batch, "t|1")
            except CosmosHttpResponseError as error:
                statuses.append(error.status_code)
            else:
                statuses.append(200)
        assert statuses == [200, 500, 200, 500]
        cosmos_peer.faults.schedule(None)
        await commit(cosmos_container, "after")

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Fault(kind="batch", what="stale_read"),
            lambda: Fault(kind="read", what="lagging_query"),
        ],
    )
    def test_a_fault_that_can_never_befall_is_refused(self, make: Callable[[], Fault]) -> None:
        with pytest.raises(ValueError, match="is a fault of kind"):
            make()


async def _outcome(container: ContainerProxy, id_: str) -> int | None:
    try:
        await container.create_item(item(id_))
    except CosmosHttpResponseError as error:
        return error.status_code
    return 201
