"""The Cosmos DB double's databases, containers and access, through the unmodified client."""

import asyncio
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.cosmos import CosmosClient as SyncClient
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, CosmosClient, DatabaseProxy
from azure.cosmos.exceptions import (
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from tests.doubles.cosmos import CosmosPeer, Fault
from tests.doubles.cosmos.client import QUICK, quick_client, send

pytest_plugins = ["tests.doubles.cosmos.fixtures"]

OPEN = {"id": "head", "ledger": "t|1", "state": "open", "n": 1}


class TestContainers:
    async def test_the_settings_of_a_container_are_kept(
        self, cosmos_database: DatabaseProxy
    ) -> None:
        policy: Any = {"includedPaths": [{"path": "/next_at/?"}], "excludedPaths": [{"path": "/*"}]}
        key = PartitionKey(path="/ledger")
        container = await cosmos_database.create_container(
            "c", key, indexing_policy=policy, default_ttl=60
        )
        read = await container.read()
        assert read["indexingPolicy"] == policy
        assert read["defaultTtl"] == 60
        assert read["partitionKey"]["paths"] == ["/ledger"]

    async def test_databases_and_containers_are_listed_and_deleted(
        self, cosmos_client: CosmosClient, cosmos_database: DatabaseProxy
    ) -> None:
        await cosmos_database.create_container("c", PartitionKey(path="/ledger"))
        assert [one["id"] async for one in cosmos_client.list_databases()] == ["metering"]
        assert [one["id"] async for one in cosmos_database.list_containers()] == ["c"]
        await cosmos_database.delete_container("c")
        assert [one["id"] async for one in cosmos_database.list_containers()] == []
        await cosmos_client.delete_database("metering")
        with pytest.raises(CosmosResourceNotFoundError):
            await cosmos_database.read()

    async def test_what_exists_is_not_made_again(self, cosmos_client: CosmosClient) -> None:
        for _ in range(2):
            database = await cosmos_client.create_database_if_not_exists("metering")
            await database.create_container_if_not_exists("c", PartitionKey(path="/ledger"))
        with pytest.raises(CosmosResourceExistsError):
            await cosmos_client.create_database("metering")
        with pytest.raises(CosmosResourceExistsError):
            await database.create_container("c", PartitionKey(path="/ledger"))

    async def test_an_item_in_a_missing_container_is_told_from_a_missing_item(
        self, cosmos_peer: CosmosPeer, cosmos_database: DatabaseProxy
    ) -> None:
        headers = {"x_ms_documentdb_partitionkey": '["t|1"]'}
        for path in ("/dbs/metering/colls/none/docs/a", "/dbs/none/colls/none/docs/a"):
            status, answered, _ = await send(cosmos_peer, "GET", path, **headers)
            assert (status, answered["x-ms-substatus"]) == (404, "1003")
        with pytest.raises(CosmosResourceNotFoundError) as raised:
            await cosmos_database.get_container_client("none").create_item(OPEN)
        assert "container none" in str(raised.value)

    async def test_a_client_finds_a_container_that_was_deleted_and_made_again(
        self, cosmos_database: DatabaseProxy
    ) -> None:
        container = await cosmos_database.create_container("c", PartitionKey(path="/ledger"))
        await container.create_item(OPEN)
        await cosmos_database.delete_container("c")
        await cosmos_database.create_container("c", PartitionKey(path="/ledger"))
        assert (await container.create_item(OPEN))["n"] == 1

    async def test_a_partition_key_that_no_container_of_ours_has_is_refused(
        self, cosmos_database: DatabaseProxy
    ) -> None:
        for path in (["/tenant", "/period"], ["/tenant/id"]):
            kind: Any = "MultiHash" if len(path) > 1 else "Hash"
            key = PartitionKey(path=path if len(path) > 1 else path[0], kind=kind)
            with pytest.raises(CosmosHttpResponseError, match="partition key definition"):
                await cosmos_database.create_container("c", key)


class TestAccess:
    async def test_a_wrong_key_is_refused(
        self, cosmos_peer: CosmosPeer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("AZURE_COSMOS_HEALTH_CHECK_RETRY_AFTER_MS", "1")
        client = CosmosClient(cosmos_peer.url, "d3Jvbmc=", **QUICK)
        with pytest.raises(CosmosHttpResponseError) as raised:
            await client.__aenter__()
        await client.close()
        assert raised.value.status_code == 401

    async def test_a_token_is_accepted_for_items_but_not_for_containers(
        self, cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
    ) -> None:
        await cosmos_container.create_item(OPEN)
        path, key = "/dbs/metering/colls/ledger", {"x_ms_documentdb_partitionkey": '["t|1"]'}
        client_form = f"type=aad&ver=1.0&sig={cosmos_peer.token}"
        for form in (f"Bearer {cosmos_peer.token}", client_form):
            headers = {**key, "authorization": form}
            status, _, body = await send(cosmos_peer, "GET", f"{path}/docs/head", **headers)
            assert (status, body["n"]) == (200, 1)
        status, answered, _ = await send(cosmos_peer, "POST", "/dbs", {"id": "other"})
        assert (status, answered["x-ms-substatus"]) == (403, "5300")
        for wrong in ("Bearer other", ""):
            headers = {**key, "authorization": wrong}
            status, _, _ = await send(cosmos_peer, "GET", f"{path}/docs/head", **headers)
            assert status == 401

    def test_the_blocking_client_is_served_too(self, cosmos_peer: CosmosPeer) -> None:
        with SyncClient(cosmos_peer.url, cosmos_peer.key, **QUICK) as client:
            database = client.create_database("metering")
            container = database.create_container("ledger", PartitionKey(path="/ledger"))
            container.execute_item_batch([("create", ({**OPEN, "received": 1},))], "t|1")
            assert container.read_item("head", "t|1")["n"] == 1
            found = container.query_items(
                "SELECT * FROM c WHERE c.received >= 0 ORDER BY c.received DESC",
                enable_cross_partition_query=True,
            )
            assert [one["id"] for one in found] == ["head"]


class TestStopping:
    async def test_a_peer_that_stopped_refuses_connections(self) -> None:
        with CosmosPeer() as peer:
            pass
        client = quick_client(peer)
        with pytest.raises(ServiceRequestError):
            await client.__aenter__()
        await client.close()

    async def test_a_peer_that_stops_cuts_the_connections_that_it_holds(self) -> None:
        with CosmosPeer() as peer:
            client = quick_client(peer, read_timeout=30)
            await client.__aenter__()
            database = await client.create_database("metering")
            peer.faults.schedule(lambda _: Fault(what="succeed_then_time_out"))
            reading = asyncio.ensure_future(database.read())
            async with asyncio.timeout(5):
                while not peer.requests[-1].fault:  # noqa: ASYNC110 - the peer has its own loop
                    await asyncio.sleep(0.001)
        with pytest.raises(ServiceRequestError):
            await reading
        await client.close()
