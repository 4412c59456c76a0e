"""The charges of the Cosmos DB double, by the published table of request units.

1 KB: 1.00 to read, 4.95 to write; 2 KB: 1.04 and 6.29; 4 KB: 1.14 and 6.67; 64 KB: 4.76 and 22.67.
"""

from typing import Any

import pytest
from azure.cosmos.aio import ContainerProxy
from azure.cosmos.exceptions import CosmosHttpResponseError, CosmosResourceNotFoundError

from tests.doubles.cosmos import CosmosPeer

pytest_plugins = ["tests.doubles.cosmos.fixtures"]


def sized(id_: str, kilobytes: int) -> dict[str, Any]:
    """Return an item of exactly `kilobytes` KB."""
    empty = f'{{"id":"{id_}","ledger":"t|1","text":""}}'
    return {"id": id_, "ledger": "t|1", "text": "x" * (kilobytes * 1024 - len(empty))}


@pytest.mark.parametrize(
    ("kilobytes", "read", "insert", "replace"),
    [
        (1, 1.0, 4.95, 9.9),
        (4, 1.14, 6.67, 13.34),
        (64, 4.76, 22.67, 45.34),
        (3, 1.09, 6.48, 12.96),
    ],
)
async def test_reads_and_writes_cost_what_the_table_says_of_their_size(
    cosmos_peer: CosmosPeer,
    cosmos_container: ContainerProxy,
    kilobytes: int,
    read: float,
    insert: float,
    replace: float,
) -> None:
    body = sized("a", kilobytes)
    made = await cosmos_container.create_item(body)
    assert made.get_response_headers()["x-ms-request-charge"] == f"{insert:.2f}"
    await cosmos_container.read_item("a", "t|1")
    await cosmos_container.replace_item("a", made)
    await cosmos_container.upsert_item(body)
    await cosmos_container.patch_item(
        "a", "t|1", [{"op": "set", "path": "/text", "value": body["text"]}]
    )
    await cosmos_container.delete_item("a", "t|1")
    assert {
        kind: cost for kind, cost in cosmos_peer.charges.by_kind.items() if kind != "metadata"
    } == {
        "create": insert,
        "read": read,
        "replace": replace,
        "upsert": replace,
        "patch": replace,
        "delete": insert,
    }


async def test_a_batch_costs_the_sum_of_its_operations(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    await cosmos_container.create_item(sized("head", 4))
    results = await cosmos_container.execute_item_batch(
        [("create", (sized("page", 64),)), ("replace", ("head", sized("head", 4)))],
        "t|1",
    )
    assert [one["requestCharge"] for one in results] == [22.67, 13.34]
    assert cosmos_peer.charges.by_kind["batch"] == 36.01  # 22.67 + 13.34


async def test_what_fails_costs_a_read(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    with pytest.raises(CosmosResourceNotFoundError):
        await cosmos_container.read_item("none", "t|1")
    await cosmos_container.create_item(sized("a", 4))
    with pytest.raises(CosmosHttpResponseError):
        await cosmos_container.create_item(sized("a", 4))
    assert cosmos_peer.charges.items == 8.81  # 1.00 + 6.67 + 1.14
    assert cosmos_peer.charges.requests["create"] == 2


async def test_a_query_costs_at_least_2_3_and_a_read_of_what_it_delivers(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    for id_, kilobytes in [("a", 4), ("b", 64)]:
        await cosmos_container.create_item(sized(id_, kilobytes))
    query, prefix = "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)", {"name": "@prefix"}
    for value in ("z", ""):
        parameters: Any = [{**prefix, "value": value}]
        found = cosmos_container.query_items(query, parameters=parameters, partition_key="t|1")
        assert [one["id"] async for one in found] == ([] if value else ["a", "b"])
    charges = [one.charge for one in cosmos_peer.requests if one.kind == "query"]
    assert charges == [2.3, 8.2]  # 2.30 + 1.14 + 4.76
    assert cosmos_peer.charges.by_kind["query"] == 10.5


async def test_charges_begin_anew_when_reset(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    await cosmos_container.create_item(sized("a", 1))
    assert cosmos_peer.charges.total == 4.95
    cosmos_peer.charges.reset()
    assert cosmos_peer.charges.total == 0
