"""The fields of a provider's own usage object, whatever the spelling of their names.

One provider writes a count as `promptTokenCount`, its libraries as `prompt_token_count`, a header
as `X-Amzn-Bedrock-Input-Token-Count`; numbers come as 34, 34.0 or "34".
"""

from collections.abc import Mapping
from typing import Any, Final

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.usage_details import MAX_TOKENS, counts_in, snake

#: Digits of the largest count, and one more.
_MAX_DIGITS: Final = len(str(MAX_TOKENS)) + 1


def whole_number(place: str, value: object) -> int | None:
    """Return a count, None where it is null; RejectedEvent `usage_invalid` for anything else."""
    match value:
        case None:
            return None
        case bool():
            found = None
        case int():
            found = value
        case float() if value.is_integer():
            found = int(value)
        case str() if value.isascii() and value.isdigit() and len(value) <= _MAX_DIGITS:
            found = int(value)
        case _:
            found = None
    if found is None or not 0 <= found <= MAX_TOKENS:
        raise RejectedEvent(
            Code.USAGE_INVALID, f"usage.{place}: is not a whole number from 0 to {MAX_TOKENS}"
        )
    return found


class NativeFields:
    """The fields of one object; it remembers which of them a rule has read."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._fields: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._read: set[str] = set()
        for name, value in given.items():
            key = snake(str(name))
            known = self._fields.get(key)
            if known is None:
                self._fields[key], self._names[key] = value, str(name)
            elif value is not None and value != known:
                raise RejectedEvent(
                    Code.USAGE_INCONSISTENT, f"usage gives {name} twice, with two values"
                )

    def get(self, name: str) -> Any:
        """Return a field as it was written; None where it is absent."""
        self._read.add(name)
        return self._fields.get(name)

    def count(self, *names: str) -> int | None:
        """Return a count that may go by several names; None where it has none of them.

        RejectedEvent `usage_inconsistent` where two names give two counts.
        """
        found: int | None = None
        for name in names:
            value = whole_number(self._names.get(name, name), self.get(name))
            if value is None:
                continue
            if found is not None and value != found:
                raise RejectedEvent(
                    Code.USAGE_INCONSISTENT, f"usage counts {names[0]} twice: {found} and {value}"
                )
            found = value
        return found

    def items(self, *names: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Return the objects of the first list that stands under one of the names, with its name.

        RejectedEvent `usage_invalid` for a field that is no list of objects.
        """
        for name in names:
            value = self.get(name)
            if value is None:
                continue
            written = self._names[name]
            if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
                raise RejectedEvent(Code.USAGE_INVALID, f"usage.{written}: is no list of objects")
            return [(written, item) for item in value]
        return []

    def unread(self) -> str | None:
        """Return the path of the first count above zero that no rule has read."""
        unread = self._fields.keys() - self._read
        left = {self._names[key]: value for key, value in self._fields.items() if key in unread}
        return next(counts_in("", left), None)
