"""The Cosmos DB double's transactional batches and time to live, through the unmodified client."""

from typing import Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, DatabaseProxy
from azure.cosmos.exceptions import (
    CosmosBatchOperationError,
    CosmosHttpResponseError,
    CosmosResourceNotFoundError,
)

from tests.doubles.cosmos import CosmosPeer

pytest_plugins = ["tests.doubles.cosmos.fixtures"]

UNDELIVERED = "FROM c WHERE NOT IS_DEFINED(c.delivered)"
OPEN = {"id": "head", "ledger": "t|1", "state": "open", "n": 1}


def item(id_: str, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "ledger": "t|1", **fields}


def _set(path: str, value: Any) -> dict[str, Any]:
    return {"op": "set", "path": path, "value": value}


class TestBatch:
    async def test_all_operations_are_carried_out_and_answered_one_by_one(
        self, cosmos_container: ContainerProxy
    ) -> None:
        head = await cosmos_container.create_item(OPEN)
        await cosmos_container.create_item(item("old"))
        results = await cosmos_container.execute_item_batch(
            [
                ("create", (item("page-1"),)),
                ("replace", ("head", {**OPEN, "n": 2}), {"if_match_etag": head["_etag"]}),
                ("upsert", (item("page-1", again=True),)),
                ("patch", ("head", [_set("/state", "shut")])),
                ("read", ("head",)),
                ("delete", ("old",)),
            ],
            "t|1",
        )
        assert [result["statusCode"] for result in results] == [201, 200, 200, 200, 200, 204]
        assert results[4]["resourceBody"]["n"] == 2
        assert len({result["eTag"] for result in results[:4]}) == 4
        page = await cosmos_container.read_item("page-1", "t|1")
        assert (page["_etag"], page["again"]) == (results[2]["eTag"], True)

    async def test_an_earlier_create_does_not_survive_a_later_409(
        self, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(item("page-1"))
        with pytest.raises(CosmosBatchOperationError) as raised:
            await cosmos_container.execute_item_batch(
                [("create", (item(f"page-{n}"),)) for n in (2, 1, 3)], "t|1"
            )
        error = raised.value
        assert (error.status_code, error.error_index) == (409, 1)
        statuses = [one["statusCode"] for one in error.operation_responses]
        assert statuses == [424, 409, 424]
        with pytest.raises(CosmosResourceNotFoundError):
            await cosmos_container.read_item("page-2", "t|1")

    @pytest.mark.parametrize(
        ("operation", "status"),
        [
            (("replace", ("head", OPEN), {"if_match_etag": '"old"'}), 412),
            (("delete", ("head",), {"if_match_etag": '"old"'}), 412),
            (("upsert", (OPEN,), {"if_none_match_etag": "*"}), 412),
            (("patch", ("head", [_set("/n", 2)]), {"filter_predicate": UNDELIVERED}), 412),
            (("replace", ("none", item("none"))), 404),
            (("create", ({**OPEN, "id": "x", "ledger": "t|2"},)), 400),
            (("create", (item("a/b"),)), 400),
        ],
    )
    async def test_one_operation_that_fails_undoes_the_others(
        self, cosmos_container: ContainerProxy, operation: Any, status: int
    ) -> None:
        made = await cosmos_container.create_item(OPEN)
        with pytest.raises(CosmosBatchOperationError) as raised:
            await cosmos_container.execute_item_batch(
                [
                    ("patch", ("head", [_set("/delivered", 1)])),
                    operation,
                    ("create", (item("x"),)),
                ],
                "t|1",
            )
        assert (raised.value.status_code, raised.value.error_index) == (status, 1)
        assert await cosmos_container.read_item("head", "t|1") == made

    @pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
    @pytest.mark.parametrize(
        ("operations", "status"),
        [
            ([], 400),
            ([("create", (item(f"i{n}"),)) for n in range(101)], 400),
            ([("create", (item(f"i{n}", text="x" * 1024 * 1024),)) for n in range(2)], 413),
        ],
    )
    async def test_a_batch_over_the_limits_is_refused_as_a_whole(
        self, cosmos_container: ContainerProxy, operations: Any, status: int
    ) -> None:
        with pytest.raises(CosmosHttpResponseError) as raised:
            await cosmos_container.execute_item_batch(operations, "t|1")
        assert raised.value.status_code == status

    async def test_a_hundred_operations_fit(self, cosmos_container: ContainerProxy) -> None:
        operations = [("create", (item(f"i{n}"),)) for n in range(100)]
        assert len(await cosmos_container.execute_item_batch(operations, "t|1")) == 100


class TestTimeToLive:
    async def test_an_item_is_gone_when_its_time_since_the_last_change_is_over(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(item("a", ttl=60))
        cosmos_peer.clock.advance(59)
        await cosmos_container.patch_item("a", "t|1", [_set("/n", 2)])
        cosmos_peer.clock.advance(59)
        assert await cosmos_container.read_item("a", "t|1")
        cosmos_peer.clock.advance(1)
        with pytest.raises(CosmosResourceNotFoundError):
            await cosmos_container.read_item("a", "t|1")
        assert [one async for one in cosmos_container.read_all_items()] == []
        await cosmos_container.create_item(item("a"))

    async def test_the_default_of_the_container_holds_for_items_without_their_own(
        self, cosmos_peer: CosmosPeer, cosmos_database: DatabaseProxy
    ) -> None:
        key = PartitionKey(path="/ledger")
        container = await cosmos_database.create_container("short", key, default_ttl=10)
        for id_, ttl in [("longer", 20), ("ever", -1)]:
            await container.create_item(item(id_, ttl=ttl))
        await container.create_item(item("default"))
        cosmos_peer.clock.advance(10)
        assert {one["id"] async for one in container.read_all_items()} == {"longer", "ever"}

    async def test_without_a_default_of_the_container_nothing_ends(
        self, cosmos_peer: CosmosPeer, cosmos_database: DatabaseProxy
    ) -> None:
        key = PartitionKey(path="/ledger")
        container = await cosmos_database.create_container("lasting", key)
        await container.create_item(item("a", ttl=1))
        cosmos_peer.clock.advance(1000)
        assert await container.read_item("a", "t|1")
