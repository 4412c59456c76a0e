"""The Cosmos DB peer's queries, asked through the unmodified client."""

from typing import Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, DatabaseProxy
from azure.cosmos.exceptions import CosmosHttpResponseError

from tests.doubles.cosmos import CosmosPeer
from tests.doubles.cosmos.client import quick_client

pytest_plugins = ["tests.doubles.cosmos.fixtures"]

ITEMS: list[dict[str, Any]] = [
    {"id": "a", "slot": 1, "tags": ["x", "y"], "state": "open", "deep": {"n": 1}},
    {"id": "b", "slot": 2, "tags": ["y"], "state": "shut"},
    {"id": "c", "slot": 3, "tags": [], "state": "open", "order": True},
    {"id": "d", "slot": "4", "state": None},
]


async def ask(container: ContainerProxy, query: str, **more: Any) -> list[Any]:
    values = more.pop("values", {})
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    return [one async for one in container.query_items(query, parameters=parameters, **more)]


@pytest.fixture
async def four(cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy) -> ContainerProxy:
    """Return a container with four items of one partition key."""
    for one in ITEMS:
        await cosmos_container.create_item({**one, "ledger": "t|1"})
    cosmos_peer.charges.reset()
    cosmos_peer.requests.clear()
    return cosmos_container


@pytest.fixture
async def spread(cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy) -> ContainerProxy:
    """Return a container with twelve items, each of its own partition key, on two partitions."""
    for number in range(12):
        body = {"id": f"i{number:02}", "ledger": f"t|{number}", "n": (number * 7) % 12}
        await cosmos_container.create_item(body)
    cosmos_peer.charges.reset()
    cosmos_peer.requests.clear()
    return cosmos_container


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("c.slot = 2", "b"),
        ("c.slot != 2", "ac"),
        ("c.slot <> @n", "ac"),
        ("c.slot < @n", "a"),
        ("c.slot <= @n", "ab"),
        ("c.slot > @n", "c"),
        ("c.slot >= @n AND c.state = 'open'", "c"),
        ("c.slot IN (1, @n, '4')", "abd"),
        ("c.slot NOT IN (1, 2)", "cd"),
        ("c.slot BETWEEN 2 AND 3", "bc"),
        ("c.state = 'open' OR c.slot = '4'", "acd"),
        ("c.state = 'shut' OR c.slot = 1 AND c.state = 'open'", "ab"),
        ("(c.state = 'shut' OR c.slot = 1) AND c.state = 'open'", "a"),
        ("NOT (c.state = 'open')", "b"),
        ("NOT (c.slot > 1 AND c.state = 'open')", "ab"),
        ("c.state = null", "d"),
        ("c['state'] = \"shut\"", "b"),
        ("c['order']", "c"),
        ("c.deep.n = 1", "a"),
        ("c.tags[1] = 'y'", "a"),
        ("IS_DEFINED(c.tags)", "abc"),
        ("NOT IS_DEFINED(c.tags)", "d"),
        ("IS_DEFINED(c.tags) = false", "d"),
        ("ARRAY_CONTAINS(c.tags, 'y')", "ab"),
        ("ARRAY_CONTAINS(@ids, c.id)", "bd"),
        ("STARTSWITH(c.state, 'o')", "ac"),
        ("c.missing = 1 OR c.slot = 1", "a"),
        ("NOT (c.missing = 1)", ""),
        ("c.slot > -1", "abc"),
        ("true", "abcd"),
    ],
)
async def test_a_condition_finds_what_the_service_finds(
    four: ContainerProxy, condition: str, found: str
) -> None:
    query = f"SELECT VALUE c.id FROM c WHERE {condition}"
    values = {"@n": 2, "@ids": ["b", "d"]}
    assert "".join(await ask(four, query, values=values, partition_key="t|1")) == found


@pytest.mark.parametrize(
    ("query", "results"),
    [
        ("SELECT c.id, c.deep.n FROM c WHERE c.slot < 3", [{"id": "a", "n": 1}, {"id": "b"}]),
        ("SELECT c.id AS name FROM c WHERE c.slot = 1", [{"name": "a"}]),
        ("SELECT VALUE c.deep FROM c", [{"n": 1}]),
        (
            "SELECT VALUE {'id': r.id, 'of': [r.slot]} FROM r WHERE r.slot=1",
            [{"id": "a", "of": [1]}],
        ),
        ("SELECT VALUE x.id FROM root AS x WHERE x.slot = 2", ["b"]),
        ("SELECT TOP 2 VALUE c.id FROM c", ["a", "b"]),
        ("SELECT VALUE c.id FROM c OFFSET 1 LIMIT @two", ["b", "c"]),
        ("SELECT VALUE c.id FROM c ORDER BY c.slot DESC", ["d", "c", "b", "a"]),
        ("SELECT VALUE c.id FROM c ORDER BY c.state", ["d", "a", "c", "b"]),
        ("SELECT VALUE c.id FROM c ORDER BY c.slot ASC OFFSET 2 LIMIT 1", ["c"]),
        ("SELECT TOP @two VALUE c.id FROM c ORDER BY c.slot DESC", ["d", "c"]),
        ("SELECT VALUE 'it\\'s \"so\"' FROM c WHERE c.slot = 1", ['it\'s "so"']),
        ("SELECT TOP 0 * FROM c", []),
        ("SELECT VALUE COUNT(1) FROM c", [4]),
        ("SELECT VALUE COUNT(c.tags) FROM c", [3]),
        ("SELECT VALUE SUM(c.slot) FROM c WHERE c.slot < 4", [6]),
        ("SELECT VALUE SUM(c.slot) FROM c", []),
        ("SELECT VALUE SUM(c.slot) FROM c WHERE false", [0]),
        ("SELECT VALUE MAX(c.slot) FROM c WHERE c.slot < 4", [3]),
        ("SELECT VALUE MIN(c.slot) FROM c", [1]),
        ("SELECT VALUE MIN(c.slot) FROM c WHERE false", []),
        ("SELECT COUNT(1) AS n, MAX(c.slot) AS m FROM c WHERE c.slot < 4", [{"n": 3, "m": 3}]),
    ],
)
async def test_a_query_of_one_partition_key_delivers(
    four: ContainerProxy, query: str, results: list[Any]
) -> None:
    assert await ask(four, query, values={"@two": 2}, partition_key="t|1") == results


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT DISTINCT c.id FROM c", "DISTINCT"),
        ("SELECT c.state, COUNT(1) AS n FROM c GROUP BY c.state", "GROUP"),
        ("SELECT * FROM c JOIN t IN c.tags", "JOIN"),
        ("SELECT * FROM c ORDER BY c.a, c.b", "ORDER BY more than one"),
        ("SELECT * FROM c WHERE UPPER(c.state) = 'X'", "UPPER"),
        ("SELECT VALUE AVG(c.slot) FROM c", "AVG"),
        ("SELECT * FROM c WHERE c.slot + 1 = 2", "+"),
        ("SELECT * FROM c WHERE c.state LIKE 'o%'", "LIKE"),
        ("SELECT * FROM c WHERE d.slot = 1", "'d' could not be resolved"),
        ("SELECT * FROM c WHERE c.slot = @none", "@none"),
        ("SELECT c.value FROM c", "value"),
        ("SELECT * FROM c WHERE NOT c.slot = 1", "brackets"),
        ("SELECT 1", "without FROM"),
        ("DELETE FROM c", "DELETE"),
    ],
)
async def test_what_the_peer_does_not_understand_is_refused_by_name(
    four: ContainerProxy, query: str, named: str
) -> None:
    with pytest.raises(CosmosHttpResponseError) as raised:
        await ask(four, query, partition_key="t|1")
    assert raised.value.status_code == 400
    assert named in str(raised.value)


@pytest.mark.parametrize(
    ("query", "results"),
    [
        ("SELECT VALUE c.n FROM c ORDER BY c.n", list(range(12))),
        ("SELECT VALUE c.n FROM c WHERE c.n < 3 ORDER BY c.n DESC", [2, 1, 0]),
        ("SELECT c.n AS m FROM c ORDER BY c.n OFFSET 2 LIMIT 2", [{"m": 2}, {"m": 3}]),
        ("SELECT TOP 3 VALUE c.n FROM c ORDER BY c.n DESC", [11, 10, 9]),
        ("SELECT VALUE COUNT(1) FROM c", [12]),
        ("SELECT VALUE SUM(c.n) FROM c WHERE c.n > 9", [21]),
        ("SELECT VALUE MAX(c.n) FROM c", [11]),
    ],
)
async def test_the_client_joins_the_answers_of_several_partitions(
    cosmos_peer: CosmosPeer, spread: ContainerProxy, query: str, results: list[Any]
) -> None:
    assert await ask(spread, query) == results
    asked = [one.kind for one in cosmos_peer.requests if one.kind != "metadata"]
    assert asked == ["query", "plan", "query", "query"]
    assert cosmos_peer.requests[0].status == 400


async def test_a_query_over_several_partitions_that_needs_no_joining_is_served_page_by_page(
    cosmos_peer: CosmosPeer, spread: ContainerProxy
) -> None:
    found = await ask(spread, "SELECT * FROM c WHERE c.n >= 0", max_item_count=5)
    assert sorted(one["id"] for one in found) == [f"i{n:02}" for n in range(12)]
    assert cosmos_peer.charges.requests["query"] >= 3


async def test_top_and_limit_hold_over_several_partitions(spread: ContainerProxy) -> None:
    assert len(await ask(spread, "SELECT TOP 7 * FROM c")) == 7
    assert len(await ask(spread, "SELECT * FROM c OFFSET 4 LIMIT 7")) == 7
    assert len(await ask(spread, "SELECT * FROM c OFFSET 8 LIMIT 7")) == 4


async def test_pages_have_the_asked_size_and_go_on_where_another_client_left_off(
    cosmos_peer: CosmosPeer, four: ContainerProxy
) -> None:
    query = "SELECT VALUE c.id FROM c ORDER BY c.slot DESC"
    pages: Any = four.query_items(query, partition_key="t|1", max_item_count=3).by_page()
    first: list[Any] = [id_ async for id_ in await anext(pages)]
    assert first == ["d", "c", "b"]
    async with quick_client(cosmos_peer) as client:
        same = client.get_database_client("metering").get_container_client("ledger")
        rest = same.query_items(query, partition_key="t|1", max_item_count=3)
        left = rest.by_page(pages.continuation_token)
        others: list[Any] = [[id_ async for id_ in page] async for page in left]
    assert others == [["a"]]


async def test_a_page_of_size_minus_one_holds_all(
    cosmos_peer: CosmosPeer, four: ContainerProxy
) -> None:
    assert len(await ask(four, "SELECT * FROM c", partition_key="t|1", max_item_count=-1)) == 4
    assert cosmos_peer.charges.requests["query"] == 1


async def test_a_page_holds_at_most_4_mb(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    for number in range(6):
        body = {"id": f"i{number}", "ledger": "t|1", "text": "x" * 900_000}
        await cosmos_container.create_item(body)
    pages = cosmos_container.query_items("SELECT VALUE c.id FROM c", partition_key="t|1").by_page()
    assert [len([one async for one in page]) async for page in pages] == [4, 2]
    assert cosmos_peer.charges.requests["query"] == 2


async def test_many_items_are_read_at_once_in_the_asked_order(spread: ContainerProxy) -> None:
    wanted = [(f"i{n:02}", f"t|{n}") for n in (7, 2, 11)]
    found = await spread.read_items([*wanted, ("none", "t|1")])
    assert [one["id"] for one in found] == ["i07", "i02", "i11"]


async def test_items_are_sorted_only_by_what_is_indexed(
    cosmos_peer: CosmosPeer, cosmos_database: DatabaseProxy
) -> None:
    policy: Any = {
        "includedPaths": [{"path": "/slot/?"}, {"path": "/deep/*"}],
        "excludedPaths": [{"path": "/*"}, {"path": "/deep/no/?"}],
    }
    key = PartitionKey(path="/ledger")
    container = await cosmos_database.create_container("c", key, indexing_policy=policy)
    await container.create_item({"id": "a", "ledger": "t|1", "slot": 1})
    for indexed in ("slot", "deep.n", "id", "_ts"):
        assert await ask(container, f"SELECT * FROM c ORDER BY c.{indexed}", partition_key="t|1")
    for excluded in ("n", "deep.no", "slot.n"):
        with pytest.raises(CosmosHttpResponseError) as raised:
            await ask(container, f"SELECT * FROM c ORDER BY c.{excluded}", partition_key="t|1")
        assert "order-by item is excluded" in str(raised.value)
    await ask(container, "SELECT * FROM c WHERE c.slot = 1 AND c.n = 1", partition_key="t|1")
    assert cosmos_peer.requests[-1].unindexed == ("/n",)
