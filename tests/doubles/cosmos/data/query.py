"""Queries carried out: filter, order and page, or count; and the plan for several partitions."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tests.doubles.cosmos.data import charges
from tests.doubles.cosmos.data.documents import Item
from tests.doubles.cosmos.data.queries import (
    QUERIES,
    UNDEFINED,
    Document,
    Parameters,
    Query,
    find_query,
)
from tests.doubles.cosmos.errors import bad_request
from tests.doubles.cosmos.faults import Fault

_MAX_PAGE_BYTES = 4 * 1024 * 1024
_RANKS = {type(None): 1, bool: 2, int: 3, float: 3, str: 4, list: 5, dict: 6}
_LAST_ORDERED_RANK = 4

type _Place = tuple[tuple[int, Any], int]


def _rewritten(text: str, query: Query) -> str:
    """Return the query that a client asks of each partition to join the answers."""
    order = f'c._rid, [{{"item": c.{query.order}}}] AS orderByItems, c AS payload'
    return f"SELECT {order} FROM c{text.partition(' FROM c')[2]}"


_JOINED: Final = {_rewritten(text, query): text for text, query in QUERIES.items() if query.order}


@dataclass(frozen=True, slots=True)
class Progress:
    """The position of a query in one physical partition: its last row, and the rows left by TOP."""

    after: _Place
    left: int | None

    def write(self) -> list[Any]:
        """Return the position as JSON."""
        return [self.after, self.left]

    @classmethod
    def read(cls, value: Any) -> "Progress":
        """Read a position from JSON."""
        try:
            ((rank, key), ordinal), left = value
        except (TypeError, ValueError) as error:
            raise bad_request("Invalid Continuation Token") from error
        return cls(((rank, key), ordinal), left)


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to one request of a query: results, charge and the position to continue from."""

    documents: list[Any]
    charge: int
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class _Row:
    place: _Place
    item: Item


class PreparedQuery:
    """A query with its parameters, ready to run over the items of a partition."""

    def __init__(self, text: str, parameters: Parameters) -> None:
        self._joined = text in _JOINED
        self._text = _JOINED.get(text, text)
        self._parameters = parameters
        self.query = find_query(self._text, parameters)

    @property
    def needs_client(self) -> bool:
        """Return whether the gateway leaves this query over several partitions to the client."""
        return bool(self.query.order or self.query.top)

    def plan(self) -> dict[str, Any]:
        """Return the plan by which a client asks each physical partition and joins the answers."""
        query = self.query
        return {
            "partitionedQueryExecutionInfoVersion": 2,
            "queryInfo": {
                "distinctType": "None",
                "top": query.top,
                "offset": None,
                "limit": None,
                "orderBy": ["Descending" if query.descending else "Ascending"][: bool(query.order)],
                "orderByExpressions": [f"c.{query.order}"][: bool(query.order)],
                "groupByExpressions": [],
                "groupByAliases": [],
                "aggregates": [],
                "groupByAliasToAggregateType": {},
                "rewrittenQuery": _rewritten(self._text, query) if self.needs_client else "",
                "hasSelectValue": False,
                "dCountInfo": None,
                "hasNonStreamingOrderBy": False,
            },
            "queryRanges": [
                {"min": "", "max": "FF", "isMinInclusive": True, "isMaxInclusive": False}
            ],
        }

    def run(
        self,
        items: Iterable[Item],
        progress: Progress | None,
        page_size: int,
        lagging: Fault | None,
    ) -> Page:
        """Return the next page, without the matching items that a lagging query lacks."""
        matching = self._matching(items, lagging)
        rows = self._sorted(matching)
        left = self.query.top
        if progress is not None:
            rows, left = self._after(rows, progress.after), progress.left
        return self._page(rows if left is None else rows[:left], left, page_size)

    def _matching(self, items: Iterable[Item], lagging: Fault | None) -> list[Item]:
        found = [item for item in items if self.query.matches(item.document, self._parameters)]
        if lagging is None:
            return found
        if lagging.item is not None:
            return [item for item in found if item.id != lagging.item]
        newest = {id(item) for item in sorted(found, key=lambda item: item.lsn)[-lagging.lag :]}
        return [item for item in found if id(item) not in newest]

    def _sorted(self, items: list[Item]) -> list[_Row]:
        order = self.query.order
        rows = [
            _Row((order_key(item.document.get(order, UNDEFINED)), item.ordinal), item)
            for item in items
        ]
        return sorted(rows, key=lambda row: row.place, reverse=self.query.descending)

    def _after(self, rows: list[_Row], after: _Place) -> list[_Row]:
        if self.query.descending:
            return [row for row in rows if row.place < after]
        return [row for row in rows if row.place > after]

    def _page(self, rows: Sequence[_Row], left: int | None, page_size: int) -> Page:
        size, taken = 0, 0
        for row in rows[:page_size]:
            size += row.item.size
            if taken and size > _MAX_PAGE_BYTES:
                break
            taken += 1
        documents = [self._result(row.item.document) for row in rows[:taken]]
        charge = _charge([row.item for row in rows[:taken]])
        if taken == len(rows):
            return Page(documents, charge, None)
        left = None if left is None else left - taken
        return Page(documents, charge, Progress(rows[taken - 1].place, left))

    def _result(self, document: Document) -> Document:
        selected = self.query.project(document)
        if not self._joined:
            return selected
        order = self.query.order
        item = {"item": document[order]} if order in document else {}
        return {"_rid": document["_rid"], "orderByItems": [item], "payload": selected}


def _charge(items: Iterable[Item]) -> int:
    return charges.QUERY_LEAST + sum(charges.read_charge(item.size) for item in items)


def order_key(value: Any) -> tuple[int, Any]:
    """Return the sort key of a value: undefined, null, booleans, numbers, strings, the rest."""
    if value is UNDEFINED:
        return (0, 0)
    rank = _RANKS[type(value)]
    if value is None:
        return (rank, 0)
    return (rank, value if rank <= _LAST_ORDERED_RANK else json.dumps(value, sort_keys=True))
