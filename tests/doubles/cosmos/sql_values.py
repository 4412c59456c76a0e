"""What expressions are worth for an item: three-valued logic, comparison by type, functions."""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.doubles.cosmos.errors import bad_request, unsupported
from tests.doubles.cosmos.sql_syntax import (
    AGGREGATES,
    ArrayOf,
    Call,
    Comparison,
    Expression,
    Junction,
    Literal,
    Membership,
    Not,
    ObjectOf,
    Parameter,
    Path,
    Undefined,
)

UNDEFINED: Final[Any] = object()
"""What a property is worth that the item lacks, and a comparison of different types."""

type Document = dict[str, Any]
type Valuer = Callable[[Document], Any]
type Parameters = Mapping[str, Any]

_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_RANKS = {type(None): 1, bool: 2, int: 3, float: 3, str: 4, list: 5, dict: 6}
_LAST_ORDERED_RANK = 4


def order_key(value: Any) -> tuple[int, Any]:
    """Return what values are sorted by: undefined, null, booleans, numbers, strings, the rest."""
    if value is UNDEFINED:
        return (0, 0)
    rank = _RANKS[type(value)]
    if value is None:
        return (rank, 0)
    return (rank, value if rank <= _LAST_ORDERED_RANK else json.dumps(value, sort_keys=True))


def compile_condition(
    expression: Expression, parameters: Parameters | None = None
) -> Callable[[Document], bool]:
    """Return the test of an item; what is undefined does not pass."""
    value_of = compile_expression(expression, parameters or {})
    return lambda document: value_of(document) is True


def compile_expression(expression: Expression, parameters: Parameters) -> Valuer:  # noqa: C901, PLR0911 - one for each kind
    """Return the function that gives an expression's worth for an item."""
    match expression:
        case Literal(value):
            return lambda _: value
        case Undefined():
            return lambda _: UNDEFINED
        case Parameter(name):
            return _parameter(name, parameters)
        case Path(steps):
            return _path(steps)
        case Not(of):
            return _negation(compile_expression(of, parameters))
        case Junction(word, parts):
            valuers = [compile_expression(part, parameters) for part in parts]
            return _junction(valuers, decisive=word == "OR")
        case Comparison(sign, left, right):
            sides = (compile_expression(left, parameters), compile_expression(right, parameters))
            return _comparison(sign, *sides)
        case Membership(of, among):
            options = [compile_expression(option, parameters) for option in among]
            return _membership(compile_expression(of, parameters), options)
        case Call(name, arguments):
            return _call(name, [compile_expression(part, parameters) for part in arguments])
        case ArrayOf(parts):
            valuers = [compile_expression(part, parameters) for part in parts]
            return lambda document: _defined(value(document) for value in valuers)
        case ObjectOf(fields):
            named = [(name, compile_expression(part, parameters)) for name, part in fields]
            return lambda document: object_of(named, document)


def object_of(fields: list[tuple[str, Valuer]], document: Document) -> dict[str, Any]:
    """Return an object of the fields that are defined."""
    made = {}
    for name, valuer in fields:
        value = valuer(document)
        if value is not UNDEFINED:
            made[name] = value
    return made


def _defined(values: Any) -> list[Any]:
    return [value for value in values if value is not UNDEFINED]


def _parameter(name: str, parameters: Parameters) -> Valuer:
    if name not in parameters:
        raise bad_request(f"The parameter {name} has no value.")
    value = parameters[name]
    return lambda _: value


def _path(steps: tuple[str | int, ...]) -> Valuer:
    if len(steps) == 1 and isinstance(steps[0], str):
        only = steps[0]
        return lambda document: document.get(only, UNDEFINED)

    def walk(document: Document) -> Any:
        value: Any = document
        for step in steps:
            if isinstance(step, str):
                found = isinstance(value, dict) and step in value
            else:
                found = isinstance(value, list) and 0 <= step < len(value)
            if not found:
                return UNDEFINED
            value = value[step]
        return value

    return walk


def _negation(of: Valuer) -> Valuer:
    def negate(document: Document) -> Any:
        value = of(document)
        return not value if isinstance(value, bool) else UNDEFINED

    return negate


def _junction(parts: list[Valuer], *, decisive: bool) -> Valuer:
    """Return AND or OR: one decisive value settles it, else an undefined one makes it undefined."""

    def join(document: Document) -> Any:
        result: Any = not decisive
        for part in parts:
            value = part(document)
            if value is decisive:
                return decisive
            if not isinstance(value, bool):
                result = UNDEFINED
        return result

    return join


def compared(sign: str, left: Any, right: Any) -> Any:
    """Return the result of a comparison; values of different types compare as undefined."""
    if left is UNDEFINED or right is UNDEFINED:
        return UNDEFINED
    rank = _RANKS[type(left)]
    if rank != _RANKS[type(right)]:
        return UNDEFINED
    if sign in {"=", "!="}:
        return (left == right) is (sign == "=")
    if rank > _LAST_ORDERED_RANK:
        return UNDEFINED
    if left is None:
        return sign in {"<=", ">="}
    return _ORDERINGS[sign](left, right)


def _comparison(sign: str, left: Valuer, right: Valuer) -> Valuer:
    return lambda document: compared(sign, left(document), right(document))


def _membership(of: Valuer, options: list[Valuer]) -> Valuer:
    def find(document: Document) -> Any:
        value = of(document)
        if value is UNDEFINED:
            return UNDEFINED
        return any(compared("=", value, option(document)) is True for option in options)

    return find


def _call(name: str, arguments: list[Valuer]) -> Valuer:
    if name in AGGREGATES:
        raise unsupported(f"{name} inside another expression or a condition")
    first = arguments[0]
    if name == "IS_DEFINED":
        return lambda document: first(document) is not UNDEFINED
    function = _starts_with if name == "STARTSWITH" else _array_contains
    return lambda document: function(first(document), arguments[1](document))


def _starts_with(text: Any, start: Any) -> Any:
    if isinstance(text, str) and isinstance(start, str):
        return text.startswith(start)
    return UNDEFINED


def _array_contains(array: Any, value: Any) -> Any:
    if not isinstance(array, list):
        return UNDEFINED
    return any(compared("=", one, value) is True for one in array)
