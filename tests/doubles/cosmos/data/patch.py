"""Partial updates: `set` and `incr` of properties at the top of an item, with a condition."""

from typing import Any

from tests.doubles.cosmos.data import charges
from tests.doubles.cosmos.data.documents import Item, as_stored
from tests.doubles.cosmos.data.queries import find_condition
from tests.doubles.cosmos.errors import bad_request, precondition_failed, unsupported

MAX_OPERATIONS = 10
_FIXED = frozenset({"id", "_id", "_rid", "_self", "_etag", "_attachments", "_ts"})


def patched(item: Item, body: Any, key_field: str) -> dict[str, Any]:
    """Return the item's fields after a patch, or refuse the patch as a whole."""
    operations = body.get("operations") if isinstance(body, dict) else None
    if not isinstance(operations, list) or not operations:
        raise bad_request("The patch request has no operations.")
    if len(operations) > MAX_OPERATIONS:
        raise bad_request(f"The number of patch operations can't exceed '{MAX_OPERATIONS}'.")
    condition = body.get("condition")
    if condition is not None and not find_condition(condition)(item.document):
        raise precondition_failed(charge=charges.read_charge(item.size))
    fields = dict(item.document)
    for operation in operations:
        _apply(fields, operation, _FIXED | {key_field})
    return fields


def _apply(fields: dict[str, Any], operation: Any, fixed: frozenset[str]) -> None:
    name, path = operation.get("op"), str(operation.get("path"))
    if name not in {"set", "incr"}:
        raise unsupported(f"the patch operation {name!r}")
    if not path.startswith("/") or "/" in path[1:] or path == "/":
        raise bad_request(f"The patch path {path!r} is invalid or names no property of the item.")
    if path[1:] in fixed:
        raise bad_request(f"Cannot patch {path!r}: it is a system property or the partition key.")
    if "value" not in operation:
        raise bad_request(f"The patch operation {name!r} needs a value.")
    value = operation["value"]
    if name == "incr":
        value = _sum(path, fields.get(path[1:], 0), value)
    fields[path[1:]] = value


def _sum(path: str, present: Any, value: Any) -> float | int:
    for number in (present, value):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise bad_request(f"The patch path {path!r} or its value is not a number.")
    return as_stored(present + value)
