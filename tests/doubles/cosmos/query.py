"""Queries carried out: filter, order, window, page by page, and aggregates."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.doubles.cosmos import charges
from tests.doubles.cosmos.documents import Item
from tests.doubles.cosmos.errors import bad_request
from tests.doubles.cosmos.sql_syntax import ArrayOf, Call, Expression, ObjectOf, Query
from tests.doubles.cosmos.sql_values import (
    UNDEFINED,
    Parameters,
    Valuer,
    compile_condition,
    compile_expression,
    object_of,
    order_key,
)

_MAX_PAGE_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a query got in one physical partition: the last row's place, and what is left."""

    after: tuple[tuple[int, Any], int] | None = None
    skip: int | None = None
    left: int | None = None

    def write(self) -> list[Any]:
        """Return it as JSON."""
        return [self.after, self.skip, self.left]

    @classmethod
    def read(cls, value: Any) -> "Progress":
        """Take it from JSON."""
        try:
            after, skip, left = value
            if after is None:
                return cls(None, skip, left)
            (rank, key), ordinal = after
            return cls(((rank, key), ordinal), skip, left)
        except (TypeError, ValueError) as error:
            raise bad_request("Invalid Continuation Token") from error


@dataclass(frozen=True, slots=True)
class Page:
    """What one request answers of a query: the results, what they cost, where to go on."""

    documents: list[Any]
    charge: int
    progress: Progress | None


@dataclass(frozen=True, slots=True)
class _Row:
    place: tuple[tuple[int, Any], int]
    item: Item


class PreparedQuery:
    """A query with its parameters, ready to run over the items of a partition."""

    def __init__(self, query: Query, parameters: Parameters) -> None:
        self.query = query
        self._parameters = parameters
        self._matches = compile_condition(query.where, parameters) if query.where else None
        self._order = compile_expression(query.order.path, parameters) if query.order else None
        self._project = None if query.aggregates else self._projection()
        self.top = self._count("TOP", query.top)
        self.offset = self._count("OFFSET", query.offset)
        self.limit = self._count("LIMIT", query.limit)

    def run(
        self, items: Iterable[Item], progress: Progress | None, page_size: int, lag: int
    ) -> Page:
        """Return the next page, as if the `lag` newest items that match were not there yet."""
        matching = self._matching(items, lag)
        if self._project is None:
            return self._aggregate(matching)
        progress = progress or Progress(None, self.offset, self.limit or self.top)
        if self.limit == 0 or self.top == 0:
            return Page([], charges.QUERY_LEAST, None)
        rows = self._from(self._sorted(matching), progress.after)
        if progress.skip:
            rows = rows[progress.skip :]
        if progress.left is not None:
            rows = rows[: progress.left]
        return self._page(rows, progress, page_size)

    def _matching(self, items: Iterable[Item], lag: int) -> list[Item]:
        matches = self._matches
        found = [item for item in items if matches is None or matches(item.document)]
        if lag:
            newest = {id(item) for item in sorted(found, key=lambda item: item.lsn)[-lag:]}
            found = [item for item in found if id(item) not in newest]
        return found

    def _sorted(self, items: list[Item]) -> list[_Row]:
        value_of = self._order
        rows = [
            _Row((order_key(value_of(item.document)) if value_of else (0, 0), item.ordinal), item)
            for item in items
        ]
        return sorted(rows, key=lambda row: row.place, reverse=self._descending)

    @property
    def _descending(self) -> bool:
        return self.query.order is not None and self.query.order.descending

    def _from(self, rows: list[_Row], after: tuple[tuple[int, Any], int] | None) -> list[_Row]:
        if after is None:
            return rows
        if self._descending:
            return [row for row in rows if row.place < after]
        return [row for row in rows if row.place > after]

    def _page(self, rows: Sequence[_Row], progress: Progress, page_size: int) -> Page:
        project = self._project
        assert project is not None
        documents: list[Any] = []
        charge, size, taken = charges.QUERY_LEAST, 0, 0
        for row in rows[:page_size]:
            value = project(row.item.document)
            size += row.item.size
            if taken and size > _MAX_PAGE_BYTES:
                break
            if value is not UNDEFINED:
                documents.append(value)
            charge += charges.read_charge(row.item.size)
            taken += 1
        if taken == len(rows):
            return Page(documents, charge, None)
        left = None if progress.left is None else progress.left - taken
        return Page(documents, charge, Progress(rows[taken - 1].place, None, left))

    def _aggregate(self, items: list[Item]) -> Page:
        charge = charges.QUERY_LEAST + sum(charges.read_charge(item.size) for item in items)
        documents = [item.document for item in items]
        fields = [
            (one.name, self._aggregate_value(one.expression, documents))
            for one in self.query.selected
        ]
        if self.query.is_value:
            values = [value for _, value in fields if value is not UNDEFINED]
            return Page(values, charge, None)
        result = {name: value for name, value in fields if value is not UNDEFINED}
        return Page([result], charge, None)

    def _aggregate_value(self, expression: Expression, documents: list[dict[str, Any]]) -> Any:
        """Return an aggregate, or the form [{"item": aggregate}] in which clients ask for it."""
        match expression:
            case Call(name, (argument,)) if name in _AGGREGATES:
                value_of = compile_expression(argument, self._parameters)
                values = [value_of(document) for document in documents]
                return _AGGREGATES[name](values)
            case ArrayOf((ObjectOf(fields),)):
                named = [(key, self._aggregate_value(part, documents)) for key, part in fields]
                return [{key: value for key, value in named if value is not UNDEFINED}]
            case _:
                raise bad_request("An aggregate query selects aggregates only.")

    def _projection(self) -> Valuer:
        selected = self.query.selected
        if not selected:
            return lambda document: document
        if self.query.is_value:
            return compile_expression(selected[0].expression, self._parameters)
        fields = [
            (one.name, compile_expression(one.expression, self._parameters)) for one in selected
        ]
        return lambda document: object_of(fields, document)

    def _count(self, what: str, expression: Expression | None) -> int | None:
        if expression is None:
            return None
        value = compile_expression(expression, self._parameters)({})
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise bad_request(f"The {what} count {value!r} is no integer of at least 0.")
        return value


def _sum(values: list[Any]) -> Any:
    defined = [value for value in values if value is not UNDEFINED]
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in defined):
        return UNDEFINED
    return sum(defined)


def _extreme(choose: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    def find(values: list[Any]) -> Any:
        defined = [value for value in values if value is not UNDEFINED]
        return choose(defined, key=order_key) if defined else UNDEFINED

    return find


_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "COUNT": lambda values: sum(value is not UNDEFINED for value in values),
    "SUM": _sum,
    "MIN": _extreme(min),
    "MAX": _extreme(max),
}
