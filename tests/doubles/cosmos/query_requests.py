"""Requests for several items: queries, their plans, and lists of all items."""

from collections.abc import Iterator
from typing import Any

from tests.doubles.cosmos.data.container import Container
from tests.doubles.cosmos.data.documents import Item, read_json, write_json
from tests.doubles.cosmos.data.indexing import is_indexed
from tests.doubles.cosmos.data.partitions import effective_key
from tests.doubles.cosmos.data.queries import ALL_ITEMS
from tests.doubles.cosmos.data.query import PreparedQuery, Progress
from tests.doubles.cosmos.errors import (
    CROSS_PARTITION_NOT_SERVABLE,
    Refusal,
    bad_request,
    unsupported,
)
from tests.doubles.cosmos.exchange import Answer, Request
from tests.doubles.cosmos.faults import Fault
from tests.doubles.cosmos.item_requests import key_of

_DEFAULT_PAGE = 100
_LARGEST_PAGE = 1000
_RANGE_HEADER = "x-ms-documentdb-partitionkeyrangeid"
_ALL_ITEMS = {"query": ALL_ITEMS}


def answer_plan(body: Any) -> Answer:
    """Answer the plan of a query."""
    return Answer(200, _prepare(body).plan())


def answer_list(container: Container, request: Request) -> Answer:
    """Answer a page of all items."""
    if "a-im" in request.headers:
        raise unsupported("the change feed")
    ranges = _ranges_asked(container, request)
    return _page(container, request, _prepare(_ALL_ITEMS), ranges, None)


def answer_query(
    container: Container, request: Request, body: Any, lagging: Fault | None
) -> Answer:
    """Answer a page of a query, or let the client query each partition itself."""
    prepared = _prepare(body)
    order = prepared.query.order
    if order and not is_indexed(container.properties["indexingPolicy"], order):
        raise bad_request(
            "The index path corresponding to the specified order-by item is excluded."
        )
    ranges = _ranges_asked(container, request)
    one_partition = {"x-ms-documentdb-partitionkey", _RANGE_HEADER} & request.headers.keys()
    if not one_partition:
        _check_servable(request, prepared)
    return _page(container, request, prepared, ranges, lagging)


def unindexed_paths(container: Container, body: Any) -> tuple[str, ...]:
    """Return the properties without an index by which a query filters."""
    policy = container.properties["indexingPolicy"]
    where = _prepare(body).query.where
    return tuple(sorted(f"/{name}" for name in where if not is_indexed(policy, name)))


def _prepare(body: Any) -> PreparedQuery:
    if not isinstance(body, dict) or not isinstance(body.get("query"), str):
        raise bad_request("The request body holds no query.")
    given = body.get("parameters") or []
    parameters = {one["name"]: one.get("value") for one in given}
    return PreparedQuery(body["query"], parameters)


def _check_servable(request: Request, prepared: PreparedQuery) -> None:
    if not request.is_set("x-ms-documentdb-query-enablecrosspartition"):
        raise bad_request(
            "Cross partition query is required but disabled. Please set"
            " x-ms-documentdb-query-enablecrosspartition to true or specify"
            " x-ms-documentdb-partitionkey."
        )
    if prepared.needs_client:
        raise Refusal(
            400,
            "The provided cross partition query can not be directly served by the gateway. This is"
            " a first chance (internal) exception that all newer clients will know how to handle"
            " gracefully.",
            substatus=CROSS_PARTITION_NOT_SERVABLE,
            extra={"additionalErrorInfo": write_json(prepared.plan()).decode()},
        )


def _ranges_asked(container: Container, request: Request) -> list[int]:
    """Return the physical partitions that a request addresses."""
    if "x-ms-documentdb-partitionkey" in request.headers:
        return [container.range_of(key_of(container, request))]
    if _RANGE_HEADER in request.headers:
        number = request.headers[_RANGE_HEADER]
        if not number.isdigit() or int(number) >= container.ranges.count:
            raise bad_request(f"The partition key range {number} does not exist.")
        return [int(number)]
    return list(range(container.ranges.count))


def _items(container: Container, request: Request, range_number: int) -> Iterator[Item]:
    """Return the items of a request in one physical partition."""
    if "x-ms-documentdb-partitionkey" in request.headers:
        yield from container.live(key_of(container, request))
        return
    start = request.headers.get("x-ms-start-epk", "")
    end = request.headers.get("x-ms-end-epk", "FF")
    for key in list(container.partitions):
        effective = effective_key(container.key, key)
        if container.ranges.holding(effective) == range_number and start <= effective < end:
            yield from container.live(key)


def _page(
    container: Container,
    request: Request,
    prepared: PreparedQuery,
    ranges: list[int],
    lagging: Fault | None,
) -> Answer:
    """Answer one page of one physical partition, even if it is empty, as the gateway does."""
    current, progress = _continuation(request, ranges)
    items = _items(container, request, current)
    page = prepared.run(items, progress, _page_size(request), lagging)
    headers = {_RANGE_HEADER: str(current), "x-ms-item-count": str(len(page.documents))}
    following = ranges[ranges.index(current) + 1 :]
    if page.progress is not None:
        headers["x-ms-continuation"] = _token(current, page.progress.write())
    elif following:
        headers["x-ms-continuation"] = _token(following[0], None)
    body = {
        "_rid": container.rid,
        "Documents": page.documents,
        "_count": len(page.documents),
    }
    return Answer(200, body, page.charge, headers)


def _token(range_number: int, progress: Any) -> str:
    """Return a continuation token for a header."""
    return write_json({"range": range_number, "progress": progress}).decode("ascii")


def _continuation(request: Request, ranges: list[int]) -> tuple[int, Progress | None]:
    """Return the physical partition and the position in it from which a request continues."""
    token = request.headers.get("x-ms-continuation")
    if not token:
        return ranges[0], None
    place = read_json(token.encode())
    if not isinstance(place, dict) or place.get("range") not in ranges:
        raise bad_request("Invalid Continuation Token")
    progress = place.get("progress")
    return place["range"], None if progress is None else Progress.read(progress)


def _page_size(request: Request) -> int:
    text = request.headers.get("x-ms-max-item-count", str(_DEFAULT_PAGE))
    try:
        size = int(text)
    except ValueError as error:
        raise bad_request(f"The page size {text!r} is not a number.") from error
    if size == -1:
        return _LARGEST_PAGE
    if size < 1:
        raise bad_request(f"The page size {size} is out of range.")
    return min(size, _LARGEST_PAGE)
