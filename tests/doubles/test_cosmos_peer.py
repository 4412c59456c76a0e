"""The Cosmos DB double answers the unmodified client as the service does: single items."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from azure.core import MatchConditions
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from tests.doubles.cosmos import CosmosPeer
from tests.doubles.cosmos.client import send

pytest_plugins = ["tests.doubles.cosmos.fixtures"]

OPEN = {"id": "head", "ledger": "t|1", "state": "open", "n": 1}


def item(id_: str, **fields: Any) -> dict[str, Any]:
    return {"id": id_, "ledger": "t|1", **fields}


def _set(path: str, value: Any) -> dict[str, Any]:
    return {"op": "set", "path": path, "value": value}


class TestItems:
    async def test_a_created_item_is_read_back_with_the_fields_of_the_service(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        made = await cosmos_container.create_item(OPEN)
        read = await cosmos_container.read_item("head", "t|1")
        assert read == made
        assert {name: read[name] for name in OPEN} == OPEN
        assert read["_ts"] == cosmos_peer.clock.seconds
        assert read.get_response_headers()["etag"] == read["_etag"]
        assert {"_rid", "_self", "_attachments"} <= read.keys()

    async def test_an_item_is_found_by_its_self_link(
        self, cosmos_container: ContainerProxy
    ) -> None:
        made = await cosmos_container.create_item(OPEN)
        assert await cosmos_container.read_item(made, "t|1") == made

    async def test_an_id_is_taken_within_its_partition_key_only(
        self, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(OPEN)
        await cosmos_container.create_item({**OPEN, "ledger": "t|2"})
        with pytest.raises(CosmosResourceExistsError) as raised:
            await cosmos_container.create_item(OPEN)
        assert raised.value.status_code == 409

    async def test_what_is_not_there_can_not_be_read_replaced_patched_or_deleted(
        self, cosmos_container: ContainerProxy
    ) -> None:
        attempts: list[Callable[[], Awaitable[object]]] = [
            lambda: cosmos_container.read_item("head", "t|1"),
            lambda: cosmos_container.replace_item("head", OPEN),
            lambda: cosmos_container.patch_item("head", "t|1", [_set("/n", 2)]),
            lambda: cosmos_container.delete_item("head", "t|1"),
        ]
        for attempt in attempts:
            with pytest.raises(CosmosResourceNotFoundError):
                await attempt()

    async def test_a_replace_gives_a_new_etag_and_needs_the_latest_one_if_told_so(
        self, cosmos_container: ContainerProxy
    ) -> None:
        first = await cosmos_container.create_item(OPEN)
        condition = {"etag": first["_etag"], "match_condition": MatchConditions.IfNotModified}
        second = await cosmos_container.replace_item("head", {**OPEN, "n": 2}, **condition)
        assert second["_etag"] != first["_etag"]
        with pytest.raises(CosmosAccessConditionFailedError) as raised:
            await cosmos_container.replace_item("head", {**OPEN, "n": 3}, **condition)
        assert raised.value.status_code == 412
        with pytest.raises(CosmosAccessConditionFailedError):
            await cosmos_container.delete_item("head", "t|1", **condition)
        assert (await cosmos_container.read_item("head", "t|1"))["n"] == 2

    async def test_an_upsert_creates_replaces_and_respects_if_missing(
        self, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.upsert_item(OPEN)
        assert (await cosmos_container.upsert_item({**OPEN, "n": 2}))["n"] == 2
        with pytest.raises(CosmosAccessConditionFailedError):
            await cosmos_container.upsert_item(OPEN, match_condition=MatchConditions.IfMissing)

    async def test_an_unchanged_item_is_not_sent_again(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        made = await cosmos_container.create_item(OPEN)
        condition = {"etag": made["_etag"], "match_condition": MatchConditions.IfModified}
        assert await cosmos_container.read_item("head", "t|1", **condition) == {}
        assert cosmos_peer.requests[-1].status == 304

    async def test_numbers_are_kept_as_64_bit_floats(
        self, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(item("a", exact=2**53, over=2**53 + 1, whole=2.0))
        read = await cosmos_container.read_item("a", "t|1")
        assert (read["exact"], read["over"]) == (9007199254740992, 9007199254740992)
        assert isinstance(read["whole"], int)

    @pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")
    async def test_an_item_over_2_mb_is_refused(self, cosmos_container: ContainerProxy) -> None:
        with pytest.raises(CosmosHttpResponseError) as raised:
            await cosmos_container.create_item(item("big", text="x" * 2 * 1024 * 1024))
        assert raised.value.status_code == 413

    async def test_an_item_of_another_partition_key_than_the_header_is_refused(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        headers = {"x_ms_documentdb_partitionkey": '["t|2"]'}
        path = f"/{cosmos_container.container_link}/docs"
        status, answered, body = await send(cosmos_peer, "POST", path, OPEN, **headers)
        assert (status, answered["x-ms-substatus"]) == (400, "1001")
        assert "doesn't match" in body["message"]

    @pytest.mark.parametrize("id_", ["a/b", "a\\b", "a?b", "a#b", "", "x" * 1024, 7, None])
    async def test_an_id_that_the_service_refuses_is_refused(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy, id_: object
    ) -> None:
        headers = {"x_ms_documentdb_partitionkey": '["t|1"]'}
        path = f"/{cosmos_container.container_link}/docs"
        status, _, _ = await send(cosmos_peer, "POST", path, {**OPEN, "id": id_}, **headers)
        assert status == 400

    async def test_a_write_can_be_answered_without_the_item(
        self, cosmos_container: ContainerProxy
    ) -> None:
        made = await cosmos_container.create_item(OPEN, no_response=True)
        assert made == {}
        assert made.get_response_headers()["etag"]

    async def test_a_write_moves_the_session_token(self, cosmos_container: ContainerProxy) -> None:
        tokens = []
        for number in range(2):
            made = await cosmos_container.create_item(item(f"i{number}"))
            tokens.append(made.get_response_headers()["x-ms-session-token"])
        (range_id, first), (same_range_id, second) = (token.split(":-1#") for token in tokens)
        assert range_id == same_range_id
        assert int(second) == int(first) + 1


class TestPatch:
    async def test_set_and_increment_change_the_item_in_their_order(
        self, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(item("a", n=1))
        operations = [
            _set("/n", 10),
            {"op": "incr", "path": "/n", "value": -3},
            {"op": "incr", "path": "/fresh", "value": 0.5},
            _set("/list", [1]),
        ]
        patched = await cosmos_container.patch_item("a", "t|1", operations)
        left = {name: value for name, value in patched.items() if not name.startswith("_")}
        assert left == item("a", n=7, fresh=0.5, list=[1])

    async def test_a_condition_that_does_not_hold_changes_nothing(
        self, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(OPEN)
        condition = "FROM c WHERE NOT IS_DEFINED(c.delivered)"
        await cosmos_container.patch_item(
            "head", "t|1", [_set("/delivered", 2)], filter_predicate=condition
        )
        with pytest.raises(CosmosAccessConditionFailedError):
            await cosmos_container.patch_item(
                "head", "t|1", [_set("/delivered", 3)], filter_predicate=condition
            )
        assert (await cosmos_container.read_item("head", "t|1"))["delivered"] == 2

    async def test_a_condition_that_no_adapter_sends_is_refused_and_quoted(
        self, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(OPEN)
        with pytest.raises(CosmosHttpResponseError, match="from c where c.n > 1") as raised:
            await cosmos_container.patch_item(
                "head", "t|1", [_set("/n", 2)], filter_predicate="from c where c.n > 1"
            )
        assert raised.value.status_code == 400

    @pytest.mark.parametrize(
        "operations",
        [
            [],
            [_set(f"/f{n}", n) for n in range(11)],
            [_set("/n", 2), {"op": "remove", "path": "/n"}],
            [_set("/deep/inside", 1)],
            [{"op": "incr", "path": "/state", "value": 1}],
            [{"op": "set", "path": "/n"}],
            [_set("n", 2)],
            [_set("/id", "other")],
            [_set("/ledger", "t|2")],
            [_set("/_ts", 0)],
            [_set("/ttl", 0)],
        ],
    )
    async def test_a_patch_that_the_service_refuses_changes_nothing(
        self, cosmos_container: ContainerProxy, operations: list[dict[str, Any]]
    ) -> None:
        made = await cosmos_container.create_item(OPEN)
        with pytest.raises(CosmosHttpResponseError) as raised:
            await cosmos_container.patch_item("head", "t|1", operations)
        assert raised.value.status_code == 400
        assert await cosmos_container.read_item("head", "t|1") == made
