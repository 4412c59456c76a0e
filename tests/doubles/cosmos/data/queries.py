"""The queries and patch conditions that the adapters send, one entry for each text.

The double understands no SQL. A query that is not listed here is refused with a 400 that quotes it;
add an entry here, and its results and request units to `test_cosmos_peer_queries.py`.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.doubles.cosmos.errors import bad_request

UNDEFINED: Final[Any] = object()
"""The value of a property that an item lacks."""

type Document = dict[str, Any]
type Parameters = Mapping[str, Any]
type Test = Callable[[Any, Parameters], bool]
"""A condition on the value of a property."""


def _compared(compare: Callable[[Any, Any], bool], name: str) -> Test:
    """Compare with a parameter; values of different types never match, as in the service."""

    def test(value: Any, parameters: Parameters) -> bool:
        other = parameters[name]
        return type(value) is type(other) and compare(value, other)

    return test


def _starts_with(name: str) -> Test:
    return lambda value, parameters: isinstance(value, str) and value.startswith(parameters[name])


def _listed(value: Any, parameters: Parameters) -> bool:
    return value in parameters.values()


def _in_list(prefix: str) -> Test:
    """Compare with the parameters of a list, by the beginning of their names."""

    def test(value: Any, parameters: Parameters) -> bool:
        return any(value == other for name, other in parameters.items() if name.startswith(prefix))

    return test


def _between(after: str, until: str) -> Test:
    """Compare text with two parameters."""

    def test(value: Any, parameters: Parameters) -> bool:
        return isinstance(value, str) and parameters[after] < value <= parameters[until]

    return test


def _defined(value: Any, _: Parameters) -> bool:
    return value is not UNDEFINED


@dataclass(frozen=True, slots=True)
class Query:
    """The answer to one query.

    An item is found if all properties in `where` meet their condition, and, if there is any in
    `either`, one of those. `select` names the
    properties to return, none means all. A query costs 2.3 RU and a point read of each item that it
    returns.
    """

    where: Mapping[str, Test] = field(default_factory=dict)
    either: Mapping[str, Test] = field(default_factory=dict)
    """Conditions of which one is enough, beside `where`."""
    order: str = ""
    descending: bool = False
    top: int | None = None
    select: tuple[str, ...] = ()

    def matches(self, document: Document, parameters: Parameters) -> bool:
        """Return whether an item meets all conditions."""

        def met(conditions: Mapping[str, Test]) -> list[bool]:
            return [
                test(document.get(name, UNDEFINED), parameters) for name, test in conditions.items()
            ]

        return all(met(self.where)) and (not self.either or any(met(self.either)))

    def project(self, document: Document) -> Document:
        """Return the selected properties of an item."""
        if not self.select:
            return document
        return {name: document[name] for name in self.select if name in document}


ALL_ITEMS: Final = "SELECT * FROM c"

#: `IN (...)` stands for a list of any number of parameters.
QUERIES: Final[dict[str, Query]] = {
    ALL_ITEMS: Query(),
    # Pages and heads of ledgers.
    "SELECT * FROM c WHERE c.slot IN (...)": Query({"slot": _listed}),
    "SELECT c.slot FROM c WHERE c.slot < @before ORDER BY c.slot DESC": Query(
        {"slot": _compared(operator.lt, "@before")}, order="slot", descending=True, select=("slot",)
    ),
    "SELECT * FROM c WHERE c.number > @after ORDER BY c.number": Query(
        {"number": _compared(operator.gt, "@after")}, order="number"
    ),
    "SELECT c.ledger FROM c WHERE IS_DEFINED(c.tenant) OR c.number = 1": Query(
        either={"tenant": _defined, "number": lambda value, _: value == 1}, select=("ledger",)
    ),
    "SELECT c.ledger FROM c WHERE c.tenant = @tenant": Query(
        {"tenant": _compared(operator.eq, "@tenant")}, select=("ledger",)
    ),
    "SELECT c.ledger FROM c WHERE IS_DEFINED(c.number)": Query(
        {"number": _defined}, select=("ledger",)
    ),
    # Effects of ledgers.
    "SELECT * FROM c WHERE c.due <= @value ORDER BY c.due": Query(
        {"due": _compared(operator.le, "@value")}, order="due"
    ),
    "SELECT * FROM c WHERE c.parked >= @value ORDER BY c.parked": Query(
        {"parked": _compared(operator.ge, "@value")}, order="parked"
    ),
    "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix) ORDER BY c.id DESC": Query(
        {"id": _starts_with("@prefix")}, order="id", descending=True
    ),
    # Parts of rollups.
    "SELECT * FROM c WHERE c.id IN (...)": Query({"id": _listed}),
    # Spans of aggregates.
    "SELECT * FROM c ORDER BY c.number DESC": Query(order="number", descending=True),
    "SELECT * FROM c WHERE c.due <= @until": Query({"due": _compared(operator.le, "@until")}),
    "SELECT * FROM c WHERE c.number >= @first AND c.number < @end": Query(
        {
            "number": lambda value, parameters: (
                type(value) is int and parameters["@first"] <= value < parameters["@end"]
            )
        }
    ),
    # Suspensions, in the registry.
    "SELECT * FROM c WHERE c.registry = @partition": Query(
        {"registry": _compared(operator.eq, "@partition")}
    ),
    # The audit log.
    "SELECT * FROM c WHERE c.id < @before ORDER BY c.id DESC": Query(
        {"id": _compared(operator.lt, "@before")}, order="id", descending=True
    ),
    # Statements of a tenant.
    "SELECT * FROM c WHERE c.tenant = @tenant ORDER BY c.start ASC": Query(
        {"tenant": _compared(operator.eq, "@tenant")}, order="start"
    ),
    "SELECT TOP 1 * FROM c WHERE c.tenant = @tenant ORDER BY c.start DESC": Query(
        {"tenant": _compared(operator.eq, "@tenant")}, order="start", descending=True, top=1
    ),
    # Documents about statements, in the registry.
    "SELECT TOP 1 * FROM c WHERE c.series = @series ORDER BY c.number DESC": Query(
        {"series": _compared(operator.eq, "@series")}, order="number", descending=True, top=1
    ),
    "SELECT * FROM c WHERE c.series = @series ORDER BY c.number": Query(
        {"series": _compared(operator.eq, "@series")}, order="number"
    ),
    "SELECT * FROM c WHERE c.tenant = @tenant": Query(
        {"tenant": _compared(operator.eq, "@tenant")}
    ),
    # Dead letters.
    "SELECT * FROM c WHERE c.received >= 0 ORDER BY c.received DESC": Query(
        {"received": _defined}, order="received", descending=True
    ),
    "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)": Query({"id": _starts_with("@prefix")}),
    "SELECT * FROM c WHERE c.code = @code": Query({"code": _compared(operator.eq, "@code")}),
    "SELECT * FROM c WHERE c.code = @code ORDER BY c.received DESC": Query(
        {"code": _compared(operator.eq, "@code")}, order="received", descending=True
    ),
    "SELECT c.code, c.received FROM c": Query(select=("code", "received")),
    # The register of reported requests.
    "SELECT * FROM c WHERE c.place IN (...) AND c._ts >= @since": Query(
        {"place": _in_list("@place"), "_ts": _compared(operator.ge, "@since")}
    ),
    "SELECT * FROM c WHERE c.due > @after AND c.due <= @until ORDER BY c.due": Query(
        {"due": _between("@after", "@until")}, order="due"
    ),
    # Partial records of versions before the register.
    "SELECT * FROM c WHERE c.id = @kind AND c.since >= 0 ORDER BY c.since": Query(
        {"id": _compared(operator.eq, "@kind"), "since": _defined}, order="since"
    ),
}

CONDITIONS: Final[dict[str, Callable[[Document], bool]]] = {
    "FROM c WHERE NOT IS_DEFINED(c.delivered)": lambda document: "delivered" not in document,
}
"""The conditions of patches."""

_LIST: Final = re.compile(r"IN \(@\w+(?:, @\w+)*\)")
_PARAMETER: Final = re.compile(r"@\w+")


def find_query(text: str, parameters: Parameters) -> Query:
    """Return the query with this text, or refuse it; all its parameters must have a value."""
    query = QUERIES.get(_LIST.sub("IN (...)", text))
    if query is None:
        raise bad_request(f"The Cosmos DB double does not know the query {text!r}: see queries.py.")
    for name in _PARAMETER.findall(text):
        if name not in parameters:
            raise bad_request(f"The parameter {name} has no value.")
    return query


def find_condition(text: str) -> Callable[[Document], bool]:
    """Return the patch condition with this text, or refuse it."""
    if text not in CONDITIONS:
        reason = f"The Cosmos DB double does not know the condition {text!r}: see queries.py."
        raise bad_request(reason)
    return CONDITIONS[text]
