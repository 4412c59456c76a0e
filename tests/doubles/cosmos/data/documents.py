"""Items as the service keeps them: JSON of 64-bit floats, system fields, sizes and id rules."""

import json
from dataclasses import dataclass
from typing import Any

from tests.doubles.cosmos.errors import bad_request, too_large

MAX_ITEM_BYTES = 2 * 1024 * 1024
MAX_ID_BYTES = 1023
_EXACT_INTEGERS = 2**53
_FORBIDDEN_IN_IDS = frozenset("/\\?#")
_MAX_TTL_S = 2**31 - 1
_SYSTEM_FIELDS = ("_rid", "_self", "_etag", "_attachments", "_ts")


@dataclass(frozen=True, slots=True)
class Item:
    """A stored, immutable item. `size` is in bytes without system fields."""

    document: dict[str, Any]
    etag: str
    ts: int
    lsn: int
    ordinal: int
    size: int

    @property
    def id(self) -> str:
        """Return the id."""
        return str(self.document["id"])


def as_stored(value: float) -> float | int:
    """Return a number as binary64 holds it: an integer over 2**53 is rounded, 1.0 is 1."""
    if isinstance(value, int):
        return value if abs(value) <= _EXACT_INTEGERS else int(float(value))
    return int(value) if value.is_integer() else value


def _integer(text: str) -> float | int:
    return as_stored(int(text))


def _number(text: str) -> float | int:
    return as_stored(float(text))


def _refuse_constant(text: str) -> Any:
    raise bad_request(f"The request body holds {text}, which is not JSON.")


def read_json(body: bytes) -> Any:
    """Return the JSON of a request, its numbers as the service keeps them."""
    try:
        return json.loads(
            body, parse_int=_integer, parse_float=_number, parse_constant=_refuse_constant
        )
    except (ValueError, UnicodeDecodeError) as error:
        raise bad_request(f"The request body is not valid JSON: {error}") from error


def write_json(value: Any) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def user_fields(body: Any) -> dict[str, Any]:
    """Return the fields of an item to store, without the system fields."""
    if not isinstance(body, dict):
        raise bad_request("The input content is invalid: an item is a JSON object.")
    fields = {name: value for name, value in body.items() if name not in _SYSTEM_FIELDS}
    check_id(fields.get("id"))
    _check_ttl(fields)
    return fields


def size_of(fields: dict[str, Any]) -> int:
    """Return the size of an item in bytes, or refuse one over the limit."""
    size = len(write_json(fields))
    if size > MAX_ITEM_BYTES:
        raise too_large()
    return size


def check_id(value: Any) -> str:
    """Return a usable id, of an item or a container, or refuse it."""
    if value is None:
        raise bad_request(
            "The input content is invalid because the required properties - 'id; ' - are missing"
        )
    if not isinstance(value, str) or not value:
        raise bad_request("The input name is invalid. The id must be a string that is not empty.")
    if len(value.encode()) > MAX_ID_BYTES:
        raise bad_request(f"The input name is invalid. The id is over {MAX_ID_BYTES} bytes.")
    if _FORBIDDEN_IN_IDS & set(value):
        raise bad_request(
            "The input name is invalid. Ensure to provide a unique non-empty string"
            " without '/', '\\', '?' or '#'."
        )
    return value


def _check_ttl(fields: dict[str, Any]) -> None:
    if "ttl" not in fields:
        return
    ttl = fields["ttl"]
    whole = isinstance(ttl, int) and not isinstance(ttl, bool)
    if not whole or not (ttl == -1 or 0 < ttl <= _MAX_TTL_S):
        raise bad_request(
            f"The input ttl {ttl!r} is invalid. Ensure to provide a nonzero positive integer"
            f" less than or equal to {_MAX_TTL_S}, or -1."
        )


def expired(item: Item, default_ttl: int | None, now: int) -> bool:
    """Return whether an item has expired; without a default of its container none does."""
    if default_ttl is None:
        return False
    ttl = item.document.get("ttl", default_ttl)
    return ttl != -1 and now >= item.ts + int(ttl)
