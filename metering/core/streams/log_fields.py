"""Fields of a log record, in any of its spellings; numbers may be text."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import Instant, parse_instant
from metering.core.usage.event import MAX_ID_LENGTH, MAX_NAME_LENGTH
from metering.core.usage.event_rejection import time_rejection
from metering.core.usage.provider_usage import MAX_TOKENS

#: The field names that are read, in lower case; other fields are never kept.
KEPT_FIELDS: Final = frozenset(
    {
        "category",
        "type",
        "time",
        "timegenerated",
        "timestamp",
        "resourceid",
        "_resourceid",
        "location",
        "region",
        "correlationid",
        "requestid",
        "sequencenumber",
        "modelname",
        "deploymentname",
        "operationname",
        "prompttokens",
        "completiontokens",
        "totaltokens",
        "promptcachedtokens",
        "apimsubscriptionid",
        "productid",
        "apiid",
        "operationid",
        "backendid",
        "responsecode",
        "backendresponsecode",
        "backendtime",
        "cache",
    }
)

#: The types that AzureDiagnostics appends to the names of its columns: `promptTokens_d`.
_SUFFIXES: Final = ("_b", "_d", "_g", "_s", "_t")


def lowered(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields under their names in lower case, without the suffixes of AzureDiagnostics.

    Columns of that table are empty where a record has none, so a value wins over none.
    """
    plain = {name.lower(): value for name, value in content.items()}
    for name in [name for name in plain if name.endswith(_SUFFIXES)]:
        bare = name[:-2]
        if bare in KEPT_FIELDS and plain.get(bare) in {None, ""}:
            plain[bare] = plain.pop(name)
    return plain


class Fields(NamedTuple):
    """The fields of a record under their names in lower case; those of `properties` come first."""

    root: Mapping[str, Any]
    properties: Mapping[str, Any]

    def category(self) -> str:
        """Return the log's name in lower case and the singular; empty for anything but a log."""
        # A table of Log Analytics names its rows in `Type` alone.
        return (self.text("category") or self.text("type") or "").lower().removesuffix("s")

    def text(self, *names: str) -> str | None:
        """Return the first of these fields that is non-empty text."""
        for name in names:
            for fields in (self.properties, self.root):
                value = fields.get(name)
                if isinstance(value, str) and value.strip():
                    return value.strip()
        return None

    def name(self, *names: str) -> str | None:
        """Return a text of at most the length of a name; RejectedEvent for a longer one."""
        found = self.text(*names)
        if found is not None and len(found) > MAX_NAME_LENGTH:
            raise RejectedEvent(Code.INVALID_FIELD, f"{names[0]}: longer than {MAX_NAME_LENGTH}")
        return found

    def whole(self, name: str, largest: int = MAX_TOKENS) -> int | None:
        """Return a whole number, which may be written as text; RejectedEvent for anything else."""
        value = self.properties.get(name, self.root.get(name))
        if value is None or value == "":
            return None
        try:
            found = _whole(value)
        except ValueError:
            raise RejectedEvent(Code.INVALID_FIELD, f"{name}: is not a count") from None
        if not 0 <= found <= largest:
            raise RejectedEvent(Code.INVALID_FIELD, f"{name}: is not between 0 and {largest}")
        return found

    def time(self) -> Instant | None:
        """Return the time of the request; RejectedEvent for a malformed time."""
        text = self.text("timegenerated") or self.text("time") or self.text("timestamp")
        if text is None:
            return None
        try:
            return parse_instant(text)
        except ValueError as error:
            raise time_rejection(error) from None

    def request_id(self) -> str:
        """Return the correlation id; RejectedEvent without one."""
        found = self.text("correlationid")
        if found is None:
            raise RejectedEvent(Code.MISSING_FIELD, "correlationId: is missing")
        if len(found) > MAX_ID_LENGTH:
            raise RejectedEvent(Code.ID_TOO_LONG, f"correlationId: longer than {MAX_ID_LENGTH}")
        return found


def _whole(value: object) -> int:
    """Return a whole number written as a number, as text, or with a zero fraction."""
    if isinstance(value, str):
        whole, point, rest = value.strip().partition(".")
        if not (whole.isascii() and whole.isdigit()) or rest.strip("0") or (point and not rest):
            raise ValueError
        return int(whole)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if type(value) is not int:
        raise ValueError
    return value
