"""The part of the query language that the peer understands, as a tree."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Any


@dataclass(frozen=True, slots=True)
class Undefined:
    """The word undefined."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value given beside the query, by its name with the @."""

    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """A property of the item; no steps means the item itself."""

    steps: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    of: "Expression"


@dataclass(frozen=True, slots=True)
class Junction:
    """Expressions joined by AND or OR."""

    word: str
    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two expressions compared."""

    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Membership:
    """An expression looked for among others."""

    of: "Expression"
    among: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A function; its name is in upper case."""

    name: str
    arguments: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class ArrayOf:
    """An array made by the query."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class ObjectOf:
    """An object made by the query."""

    parts: tuple[tuple[str, "Expression"], ...]


type Expression = (
    Literal
    | Undefined
    | Parameter
    | Path
    | Not
    | Junction
    | Comparison
    | Membership
    | Call
    | ArrayOf
    | ObjectOf
)

AGGREGATES = frozenset({"COUNT", "SUM", "MIN", "MAX"})


@dataclass(frozen=True, slots=True)
class Selected:
    """One thing that a query delivers: its name in the result, its expression and its text."""

    name: str
    expression: Expression
    text: str


@dataclass(frozen=True, slots=True)
class Order:
    """What a query sorts by."""

    path: Path
    text: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A query. `selected` is empty for SELECT *; `is_value` means SELECT VALUE of the only one."""

    alias: str
    source: str
    selected: tuple[Selected, ...]
    is_value: bool
    where: Expression | None
    where_text: str
    order: Order | None
    top: Expression | None
    offset: Expression | None
    limit: Expression | None

    @property
    def aggregates(self) -> tuple[Call, ...]:
        """Return the aggregate functions that the query computes over all items."""
        found: list[Call] = []
        for one in self.selected:
            found.extend(aggregates_in(one.expression))
        return tuple(found)


def children(expression: Expression) -> tuple[Expression, ...]:  # noqa: PLR0911 - one for each kind
    """Return the expressions directly inside an expression."""
    match expression:
        case Not(of):
            return (of,)
        case Junction(_, parts) | ArrayOf(parts):
            return parts
        case Comparison(_, left, right):
            return (left, right)
        case Membership(of, among):
            return (of, *among)
        case Call(_, arguments):
            return arguments
        case ObjectOf(parts):
            return tuple(part for _, part in parts)
        case _:
            return ()


def aggregates_in(expression: Expression) -> list[Call]:
    """Return the aggregate functions in an expression."""
    if isinstance(expression, Call) and expression.name in AGGREGATES:
        return [expression]
    return [call for child in children(expression) for call in aggregates_in(child)]


def paths_in(expression: Expression | None) -> list[Path]:
    """Return the properties that an expression looks at."""
    if expression is None:
        return []
    if isinstance(expression, Path):
        return [expression]
    return [path for child in children(expression) for path in paths_in(child)]
