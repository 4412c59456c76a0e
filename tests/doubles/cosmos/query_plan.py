"""Queries over several partitions: which the client must put together, and how."""

from typing import Any

from tests.doubles.cosmos.query import PreparedQuery
from tests.doubles.cosmos.sql_syntax import Query

_AGGREGATE_NAMES = {"COUNT": "Count", "SUM": "Sum", "MIN": "Min", "MAX": "Max"}


def needs_client(query: Query) -> bool:
    """Tell whether the gateway leaves a query over several partitions to the client."""
    parts = (query.order, query.top, query.offset, query.limit)
    return bool(query.aggregates) or any(part is not None for part in parts)


def plan_of(prepared: PreparedQuery) -> dict[str, Any]:
    """Return the plan by which a client asks each physical partition and joins the answers."""
    query = prepared.query
    order = query.order
    return {
        "partitionedQueryExecutionInfoVersion": 2,
        "queryInfo": {
            "distinctType": "None",
            "top": prepared.top,
            "offset": prepared.offset,
            "limit": prepared.limit,
            "orderBy": [] if not order else ["Descending" if order.descending else "Ascending"],
            "orderByExpressions": [] if order is None else [order.text],
            "groupByExpressions": [],
            "groupByAliases": [],
            "aggregates": [_AGGREGATE_NAMES[call.name] for call in query.aggregates],
            "groupByAliasToAggregateType": {},
            "rewrittenQuery": _rewritten(prepared),
            "hasSelectValue": query.is_value,
            "dCountInfo": None,
            "hasNonStreamingOrderBy": False,
        },
        "queryRanges": [{"min": "", "max": "FF", "isMinInclusive": True, "isMaxInclusive": False}],
    }


def _rewritten(prepared: PreparedQuery) -> str:
    """Return the query to ask one partition, or nothing if it is the query itself."""
    query = prepared.query
    if query.aggregates:
        items = ", ".join(f'{{"item": {one.text}}}' for one in query.selected)
        return f"SELECT VALUE [{items}] {_source(query)}"
    window = "" if prepared.limit is None else f" OFFSET 0 LIMIT {_most(prepared)}"
    if query.order is None:
        if not window:
            return ""
        return f"SELECT {_select_list(query)} {_source(query)}{window}"
    top = "" if prepared.top is None else f"TOP {prepared.top} "
    direction = "DESC" if query.order.descending else "ASC"
    return (
        f'SELECT {top}{query.alias}._rid, [{{"item": {query.order.text}}}] AS orderByItems,'
        f" {_payload(query)} AS payload {_source(query)}"
        f" ORDER BY {query.order.text} {direction}{window}"
    )


def _most(prepared: PreparedQuery) -> int:
    """Return how many rows of one partition the window can need."""
    return (prepared.offset or 0) + (prepared.limit or 0)


def _source(query: Query) -> str:
    condition = query.where_text or "true"
    return f"{query.source} WHERE ({condition})"


def _select_list(query: Query) -> str:
    if not query.selected:
        return "*"
    if query.is_value:
        return f"VALUE {query.selected[0].text}"
    return ", ".join(f"{one.text} AS {one.name}" for one in query.selected)


def _payload(query: Query) -> str:
    if not query.selected:
        return query.alias
    if query.is_value:
        return query.selected[0].text
    fields = ", ".join(f'"{one.name}": {one.text}' for one in query.selected)
    return f"{{{fields}}}"
