"""Two schemas as one: a value that fits the result fits both."""

from collections.abc import Callable, Mapping
from itertools import islice, product
from typing import Any, Final

_HIGHEST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_LOWEST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")

#: Alternatives of two schemas together; what fits one of these fits both.
_MAX_PAIRS: Final = 100


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of both: properties of either, bounds of the stricter, common types."""
    both = one | other
    for name in one.keys() & other.keys() & _MERGED.keys():
        both[name] = _MERGED[name](one[name], other[name])
    return both


def _properties(mine: dict[str, Any], yours: dict[str, Any]) -> dict[str, Any]:
    shared = {name: _all_of(mine[name], yours[name]) for name in mine.keys() & yours.keys()}
    return {name: shared.get(name, value) for name, value in (mine | yours).items()}


def _names(mine: list[str], yours: list[str]) -> list[str]:
    return [*dict.fromkeys([*mine, *yours])]


def _values(mine: list[Any], yours: list[Any]) -> list[Any]:
    return [value for value in mine if value in yours]


def _pairs(mine: list[Any], yours: list[Any]) -> list[Any]:
    return [_all_of(*pair) for pair in islice(product(mine, yours), _MAX_PAIRS)]


def _added(mine: list[Any], yours: list[Any]) -> list[Any]:
    return [*mine, *yours]


def _all_of(mine: Any, yours: Any) -> Any:
    return mine if mine == yours else {"allOf": [mine, yours]}


def _listed(kind: Any) -> list[Any]:
    return kind if isinstance(kind, list) else [kind]


def _common(mine: Any, yours: Any) -> list[Any]:
    """Return the types in both; a whole number is a number."""
    mine, yours = _listed(mine), _listed(yours)
    common = [kind for kind in mine if kind in yours]
    if "number" in mine + yours and "integer" in mine + yours and "integer" not in common:
        common.append("integer")
    return common


_MERGED: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "properties": _properties,
    "required": _names,
    "enum": _values,
    "type": _common,
    "items": _all_of,
    "additionalProperties": _all_of,
    "allOf": _added,
    "anyOf": _pairs,
    "oneOf": _pairs,
    **dict.fromkeys(_HIGHEST, max),
    **dict.fromkeys(_LOWEST, min),
}
