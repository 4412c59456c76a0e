"""The Cosmos DB double's queries, asked through the unmodified client.

Request units: 2.30 for a query, 1.00 for each item of at most 1 KB that it returns.
"""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from azure.cosmos import PartitionKey
from azure.cosmos.aio import ContainerProxy, DatabaseProxy
from azure.cosmos.exceptions import CosmosHttpResponseError

from tests.doubles.cosmos import CosmosPeer
from tests.doubles.cosmos.client import quick_client
from tests.doubles.cosmos.data.queries import ALL_ITEMS, QUERIES

pytest_plugins = ["tests.doubles.cosmos.fixtures"]

BEFORE = "SELECT * FROM c WHERE c.id < @before ORDER BY c.id DESC"
BY_PREFIX = "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix) ORDER BY c.id DESC"
CODES = "SELECT c.code, c.received FROM c"
LATEST = "SELECT TOP 1 * FROM c WHERE c.tenant = @tenant ORDER BY c.start DESC"
NUMBERED = "SELECT * FROM c WHERE c.number > @after ORDER BY c.number"
RECEIVED = "SELECT * FROM c WHERE c.received >= 0 ORDER BY c.received DESC"
OF_CODE = "SELECT * FROM c WHERE c.code = @code"
OF_CODE_LATEST = f"{OF_CODE} ORDER BY c.received DESC"
BY_AGE = "SELECT * FROM c WHERE c.id = @kind AND c.since >= 0 ORDER BY c.since"
PLACED = "SELECT * FROM c WHERE c.place IN (@place0, @place1) AND c._ts >= @since"


def having(name: str, **items: Any) -> list[dict[str, Any]]:
    """Return an item for each id with its value of a property; `tenant`: of all."""
    shared: dict[str, Any] = {key: items.pop(key) for key in ("tenant",) if key in items}
    return [{"id": id_, name: value, **shared} for id_, value in items.items()]


type Items = list[dict[str, Any]]
#: Each query, its parameters, items in the order of their creation, results (whole items by id)
#: and request units, all in one partition.
CASES: list[tuple[str, Mapping[str, Any], Items, list[Any], float]] = [
    (ALL_ITEMS, {}, having("x", b=1, a=2), ["b", "a"], 4.3),
    (
        "SELECT * FROM c WHERE c.slot IN (@slot0, @slot1)",
        {"@slot0": 1, "@slot1": 3},
        having("slot", a=3, b=2, c=1, d="1"),
        ["a", "c"],
        4.3,
    ),
    (
        "SELECT c.slot FROM c WHERE c.slot < @before ORDER BY c.slot DESC",
        {"@before": 3},
        having("slot", a=1, b=3, c=2, d="1"),
        [{"slot": 2}, {"slot": 1}],
        4.3,
    ),
    (
        "SELECT TOP 1 * FROM c WHERE c.series = @series ORDER BY c.number DESC",
        {"@series": "A-"},
        [{"id": "a", "series": "A-", "number": 1}, {"id": "b", "series": "A-", "number": 2}],
        ["b"],
        3.3,
    ),
    (
        "SELECT * FROM c WHERE c.series = @series ORDER BY c.number",
        {"@series": "A-"},
        [{"id": "a", "series": "A-", "number": 2}, {"id": "b", "series": "A-", "number": 1}],
        ["b", "a"],
        4.3,
    ),
    (
        "SELECT * FROM c WHERE c.tenant = @tenant",
        {"@tenant": "acme"},
        [{"id": "a", "tenant": "acme"}, {"id": "b", "tenant": "beta"}],
        ["a"],
        3.3,
    ),
    (NUMBERED, {"@after": 1}, having("number", a=3, b=1, c=2, d="4"), ["c", "a"], 4.3),
    (
        "SELECT * FROM c WHERE c.due <= @value ORDER BY c.due",
        {"@value": 2},
        having("due", a=2, b=1, c=3, d=None),
        ["b", "a"],
        4.3,
    ),
    (
        "SELECT * FROM c WHERE c.parked >= @value ORDER BY c.parked",
        {"@value": 0},
        having("parked", a=2, b=0, c=None),
        ["b", "a"],
        4.3,
    ),
    (BY_PREFIX, {"@prefix": "e"}, having("x", e1=0, e3=0, f=0, e2=0), ["e3", "e2", "e1"], 5.3),
    (
        "SELECT * FROM c WHERE c.id IN (@name0)",
        {"@name0": "b"},
        having("x", a=0, b=0),
        ["b"],
        3.3,
    ),
    (
        "SELECT * FROM c WHERE c.registry = @partition",
        {"@partition": "x"},
        having("registry", a="x", b="y", c=None),
        ["a"],
        3.3,
    ),
    (BEFORE, {"@before": "c"}, having("x", a=0, c=0, b=0), ["b", "a"], 4.3),
    (
        "SELECT * FROM c WHERE c.tenant = @tenant ORDER BY c.start ASC",
        {"@tenant": "acme"},
        having("start", tenant="acme", a=2, b=1) + having("start", tenant="other", c=0),
        ["b", "a"],
        4.3,
    ),
    (
        LATEST,
        {"@tenant": "acme"},
        having("start", tenant="acme", a=1, b=2) + having("start", tenant="other", c=3),
        ["b"],
        3.3,
    ),
    (RECEIVED, {}, [*having("received", a=1, b=2), {"id": "c"}], ["b", "a"], 4.3),
    (OF_CODE, {"@code": "X"}, [*having("code", a="X", b="Y"), {"id": "c"}], ["a"], 3.3),
    (
        OF_CODE_LATEST,
        {"@code": "X"},
        [{"id": id_, "code": "X", "received": n} for n, id_ in enumerate("ab")],
        ["b", "a"],
        4.3,
    ),
    (
        "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)",
        {"@prefix": "ab"},
        having("x", abc=0, acb=0, ab=0),
        ["abc", "ab"],
        4.3,
    ),
    (BY_AGE, {"@kind": "a"}, having("since", a=1, b=1), ["a"], 3.3),
    (BY_AGE, {"@kind": "a"}, having("x", a=1), [], 2.3),
    (
        "SELECT c.ledger FROM c WHERE IS_DEFINED(c.tenant) OR c.number = 1",
        {},
        [*having("tenant", a=None), *having("number", c=1, d=2), {"id": "b"}],
        [{"ledger": "t|1"}, {"ledger": "t|1"}],
        4.3,
    ),
    (
        "SELECT c.ledger FROM c WHERE IS_DEFINED(c.number)",
        {},
        [*having("number", a=1), {"id": "b"}],
        [{"ledger": "t|1"}],
        3.3,
    ),
    ("SELECT * FROM c WHERE c.due <= @until", {"@until": 1}, having("due", a=1, b=2), ["a"], 3.3),
    (
        "SELECT * FROM c WHERE c.number >= @first AND c.number < @end",
        {"@first": 1, "@end": 2},
        having("number", a=1, b=2, c=0),
        ["a"],
        3.3,
    ),
    ("SELECT * FROM c ORDER BY c.number DESC", {}, having("number", a=1, b=2), ["b", "a"], 4.3),
    (
        "SELECT c.ledger FROM c WHERE c.tenant = @tenant",
        {"@tenant": "acme"},
        having("tenant", a="acme", b="other"),
        [{"ledger": "t|1"}],
        3.3,
    ),
    (CODES, {}, [*having("code", a="X"), {"id": "b"}], [{"code": "X"}, {}], 4.3),
    (
        PLACED,
        {"@place0": "b", "@place1": "a", "@since": 0},
        having("place", x="a", y="c", z="b"),
        ["x", "z"],
        4.3,
    ),
    (PLACED, {"@place0": "a", "@place1": "b", "@since": 2**40}, having("place", x="a"), [], 2.3),
    (
        "SELECT * FROM c WHERE c.due > @after AND c.due <= @until ORDER BY c.due",
        {"@after": "a|1", "@until": "a|3"},
        having("due", x="a|3", y="a|1", z="a|2", u="b|2"),
        ["z", "x"],
        4.3,
    ),
]


async def ask(container: ContainerProxy, query: str, **more: Any) -> list[Any]:
    values = more.pop("values", {})
    parameters = [{"name": name, "value": value} for name, value in values.items()]
    return [one async for one in container.query_items(query, parameters=parameters, **more)]


async def fill(container: ContainerProxy, items: list[dict[str, Any]]) -> None:
    for one in items:
        await container.create_item({"ledger": "t|1", **one})


@pytest.fixture
async def spread(cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy) -> ContainerProxy:
    """Return a container with twelve items, each of its own partition key, on two partitions."""
    for number in range(12):
        # 7 and 12 have no common factor: each number from 0 to 11 comes once.
        body = {"id": f"i{number:02}", "ledger": f"t|{number}", "number": (number * 7) % 12}
        await cosmos_container.create_item(body)
    cosmos_peer.charges.reset()
    cosmos_peer.requests.clear()
    return cosmos_container


@pytest.mark.parametrize(("query", "values", "items", "results", "charge"), CASES)
async def test_a_query_returns_its_results_in_order_at_its_charge(
    cosmos_peer: CosmosPeer,
    cosmos_container: ContainerProxy,
    query: str,
    values: Mapping[str, Any],
    items: list[dict[str, Any]],
    results: list[Any],
    charge: float,
) -> None:
    await fill(cosmos_container, items)
    found = await ask(cosmos_container, query, values=values, partition_key="t|1")
    assert [one["id"] if "*" in query else one for one in found] == results
    assert cosmos_peer.charges.by_kind["query"] == charge


def test_every_query_has_a_case() -> None:
    asked = {re.sub(r"IN \(.*\)", "IN (...)", case[0]) for case in CASES}
    assert asked == set(QUERIES)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("SELECT * FROM c WHERE c.slot = 1", "c.slot = 1"),
        ("select * from c", "select \\* from c"),
        ("SELECT * FROM c ORDER BY c.received", "ORDER BY c.received"),
        (NUMBERED, "@after has no value"),
    ],
)
async def test_any_other_query_is_refused_and_quoted(
    cosmos_container: ContainerProxy, query: str, named: str
) -> None:
    with pytest.raises(CosmosHttpResponseError, match=named) as raised:
        await ask(cosmos_container, query, partition_key="t|1")
    assert raised.value.status_code == 400


@pytest.mark.parametrize(
    ("query", "values", "results"),
    [
        (NUMBERED, {"@after": 3}, [4, 5, 6, 7, 8, 9, 10, 11]),
        (
            BY_PREFIX,
            {"@prefix": "i1"},
            [5, 10],  # i11 is 77 % 12, i10 is 70 % 12
        ),
    ],
)
async def test_the_client_joins_the_answers_of_several_partitions(
    cosmos_peer: CosmosPeer,
    spread: ContainerProxy,
    query: str,
    values: Mapping[str, Any],
    results: list[int],
) -> None:
    found = await ask(spread, query, values=values)
    assert [one if isinstance(one, int) else one["number"] for one in found] == results
    asked = [one.kind for one in cosmos_peer.requests if one.kind != "metadata"]
    assert asked == ["query", "plan", "query", "query"]
    assert cosmos_peer.requests[0].status == 400


async def test_top_holds_over_several_partitions(spread: ContainerProxy) -> None:
    for number in range(4):
        body = {"id": "s", "ledger": f"t|{number}", "tenant": "acme", "start": number}
        await spread.create_item(body)
    assert [one["start"] for one in await ask(spread, LATEST, values={"@tenant": "acme"})] == [3]


async def test_a_query_over_several_partitions_that_needs_no_joining_is_served_page_by_page(
    cosmos_peer: CosmosPeer, spread: ContainerProxy
) -> None:
    found = await ask(spread, ALL_ITEMS, max_item_count=5)
    assert sorted(one["id"] for one in found) == [f"i{n:02}" for n in range(12)]
    assert cosmos_peer.charges.requests["query"] >= 3


async def test_pages_have_the_asked_size_and_go_on_where_another_client_left_off(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    await fill(cosmos_container, [{"id": id_, "received": 1} for id_ in "abcd"])
    options: Any = {"partition_key": "t|1", "max_item_count": 3}
    parameters: Any = [{"name": "@before", "value": "~"}]
    pages: Any = cosmos_container.query_items(BEFORE, parameters=parameters, **options).by_page()
    assert [one["id"] async for one in await anext(pages)] == ["d", "c", "b"]
    async with quick_client(cosmos_peer) as client:
        same = client.get_database_client("metering").get_container_client("ledger")
        rest = same.query_items(BEFORE, parameters=parameters, **options)
        left = rest.by_page(pages.continuation_token)
        assert [[one["id"] async for one in page] async for page in left] == [["a"]]


async def test_a_page_of_size_minus_one_holds_all(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    await fill(cosmos_container, [{"id": f"i{number}"} for number in range(101)])
    found = await ask(cosmos_container, ALL_ITEMS, partition_key="t|1", max_item_count=-1)
    assert len(found) == 101
    assert cosmos_peer.charges.requests["query"] == 1


async def test_a_page_holds_at_most_4_mb(
    cosmos_peer: CosmosPeer, cosmos_container: ContainerProxy
) -> None:
    await fill(cosmos_container, [{"id": f"i{n}", "text": "x" * 900_000} for n in range(6)])
    pages = cosmos_container.query_items(CODES, partition_key="t|1").by_page()
    assert [len([one async for one in page]) async for page in pages] == [4, 2]
    assert cosmos_peer.charges.requests["query"] == 2


async def test_items_are_sorted_only_by_what_is_indexed(
    cosmos_peer: CosmosPeer, cosmos_database: DatabaseProxy
) -> None:
    policy: Any = {
        "includedPaths": [{"path": "/number/?"}, {"path": "/*"}],
        "excludedPaths": [{"path": "/received/?"}],
    }
    key = PartitionKey(path="/ledger")
    included = await cosmos_database.create_container("c", key, indexing_policy=policy)
    await ask(included, NUMBERED, values={"@after": 0}, partition_key="t|1")
    policy = {"includedPaths": [{"path": "/start/?"}], "excludedPaths": [{"path": "/*"}]}
    few = await cosmos_database.create_container("d", key, indexing_policy=policy)
    for container, query in [
        (included, RECEIVED),
        (few, NUMBERED),
    ]:
        with pytest.raises(CosmosHttpResponseError, match="order-by item is excluded"):
            await ask(container, query, values={"@after": 0}, partition_key="t|1")
    # Every container indexes ids; a filter without an index is only expensive.
    await ask(few, LATEST, values={"@tenant": "acme"}, partition_key="t|1")
    assert cosmos_peer.requests[-1].unindexed == ("/tenant",)
