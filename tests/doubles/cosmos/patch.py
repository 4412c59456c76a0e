"""Partial updates: the six operations, their condition and their limits."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.doubles.cosmos import charges
from tests.doubles.cosmos.documents import Item, as_stored
from tests.doubles.cosmos.errors import Refusal, bad_request, precondition_failed
from tests.doubles.cosmos.queries import find_condition

MAX_OPERATIONS = 10
_FIXED = frozenset({"id", "_id", "_rid", "_self", "_etag", "_attachments", "_ts"})

type _Parent = dict[str, Any] | list[Any]


def patched(item: Item, body: Any, key_fields: frozenset[str]) -> dict[str, Any]:
    """Return the item's fields after a patch, or refuse it as a whole."""
    operations, condition = _read(body)
    if condition is not None and not find_condition(condition)(item.document):
        raise precondition_failed(charge=charges.read_charge(item.size))
    fields = deepcopy(item.document)
    for operation in operations:
        _apply(fields, operation, _FIXED | key_fields)
    return fields


def _read(body: Any) -> tuple[list[dict[str, Any]], str | None]:
    operations = body.get("operations") if isinstance(body, dict) else None
    if not isinstance(operations, list) or not operations:
        raise bad_request("The patch request has no operations.")
    if len(operations) > MAX_OPERATIONS:
        raise bad_request(f"The number of patch operations can't exceed '{MAX_OPERATIONS}'.")
    return operations, body.get("condition")


def _apply(fields: dict[str, Any], operation: Any, fixed: frozenset[str]) -> None:
    name = operation.get("op") if isinstance(operation, dict) else None
    step = _STEPS.get(name) if isinstance(name, str) else None
    if step is None:
        raise bad_request(f"The patch operation {name!r} is not known.")
    path = _path(operation.get("path"), fixed)
    if name == "move":
        source = _path(operation.get("from"), fixed)
        _set(fields, path, _remove(fields, source, None))
        return
    if name != "remove" and "value" not in operation:
        raise bad_request(f"The patch operation {name!r} needs a value.")
    step(fields, path, operation.get("value"))


def _path(value: Any, fixed: frozenset[str]) -> list[str]:
    if not isinstance(value, str) or not value.startswith("/") or value == "/":
        raise bad_request(f"The patch path {value!r} is invalid.")
    steps = [step.replace("~1", "/").replace("~0", "~") for step in value[1:].split("/")]
    if steps[0] in fixed:
        raise bad_request(f"Cannot patch {value!r}: it is a system property or the partition key.")
    return steps


def _parent(fields: dict[str, Any], path: list[str]) -> _Parent:
    place: Any = fields
    for step in path[:-1]:
        if isinstance(place, list) and step.isdigit() and int(step) < len(place):
            place = place[int(step)]
        elif isinstance(place, dict) and step in place:
            place = place[step]
        else:
            raise _missing(path)
    if not isinstance(place, dict | list):
        raise _missing(path)
    return place


def _missing(path: list[str]) -> Refusal:
    return bad_request(f"The patch path '/{'/'.join(path)}' does not exist.")


def _index(place: list[Any], path: list[str], limit: int) -> int:
    """Return the place in an array that a path's last step names, at most `limit`."""
    if path[-1] == "-":
        return len(place)
    if not path[-1].isdigit() or int(path[-1]) > limit:
        raise _missing(path)
    return int(path[-1])


def _add(fields: dict[str, Any], path: list[str], value: Any) -> None:
    place = _parent(fields, path)
    if isinstance(place, list):
        place.insert(_index(place, path, len(place)), value)
    else:
        place[path[-1]] = value


def _set(fields: dict[str, Any], path: list[str], value: Any) -> None:
    place = _parent(fields, path)
    if isinstance(place, list):
        at = _index(place, path, len(place))
        place[at : at + 1] = [value]
    else:
        place[path[-1]] = value


def _replace(fields: dict[str, Any], path: list[str], value: Any) -> None:
    _get(fields, path)
    _set(fields, path, value)


def _get(fields: dict[str, Any], path: list[str]) -> Any:
    place = _parent(fields, path)
    if isinstance(place, list):
        at = _index(place, path, len(place) - 1)
        if at >= len(place):
            raise _missing(path)
        return place[at]
    if path[-1] not in place:
        raise _missing(path)
    return place[path[-1]]


def _remove(fields: dict[str, Any], path: list[str], _value: Any) -> Any:
    value, place = _get(fields, path), _parent(fields, path)
    if isinstance(place, list):
        del place[int(path[-1])]
    else:
        del place[path[-1]]
    return value


def _increment(fields: dict[str, Any], path: list[str], value: Any) -> None:
    place = _parent(fields, path)
    present = place.get(path[-1], 0) if isinstance(place, dict) else _get(fields, path)
    for number in (present, value):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise bad_request(f"The patch path '/{'/'.join(path)}' or its value is no number.")
    _set(fields, path, as_stored(present + value))


_STEPS: dict[str, Callable[[dict[str, Any], list[str], Any], Any]] = {
    "add": _add,
    "set": _set,
    "replace": _replace,
    "remove": _remove,
    "incr": _increment,
    "move": _remove,
}
