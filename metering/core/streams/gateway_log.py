"""Gateway logs as Azure Monitor ships them to a hub: a body of many records, read into rows.

Two casings occur: camelCase inside `properties` (Event Hubs), PascalCase columns (Log Analytics).
Only the fields named here are ever read or kept: no message, header, URL or address.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from metering.core.basics.errors import UNREADABLE, Code, RejectedEvent
from metering.core.streams.log_fields import KEPT_FIELDS, Fields
from metering.core.streams.log_rows import (
    GatewayRow,
    LlmRow,
    read_gateway_row,
    read_llm_row,
)
from metering.core.usage.event import MAX_BODY_BYTES

#: Azure Monitor writes a list of records into one event, and Event Hubs takes 1 MB.
_RECORDS: Final = "records"
#: Kept of a body that could not be parsed, since it may contain messages.
_NOT_KEPT: Final = "not_kept"
#: Longest value of a kept field in a dead letter: longer than any name, time or resource id.
_MAX_KEPT: Final = 1_024


class Refused(NamedTuple):
    """A rejected record or body: the reason, and the part that may be kept."""

    why: RejectedEvent
    body: bytes


class Log(NamedTuple):
    """The content of one body."""

    llm_rows: tuple[LlmRow, ...] = ()
    gateway_rows: tuple[GatewayRow, ...] = ()
    refused: tuple[Refused, ...] = ()
    ignored: int = 0
    """Records without usage: other categories, message chunks, probes."""
    resource: str = ""
    """The resource that the first record is of, in lower case; empty if it names none."""

    @property
    def is_unreadable(self) -> bool:
        """Say whether the body, or its end, could not be read."""
        return any(bad.why.code in UNREADABLE for bad in self.refused)


def read_log(body: bytes) -> Log:
    """Return the rows in a body; rejected records are in `refused`.

    A truncated body gives the records before the cut, and is refused as `truncated`.
    """
    if len(body) > MAX_BODY_BYTES:
        why = RejectedEvent(Code.TOO_LARGE, f"{len(body)} bytes, at most {MAX_BODY_BYTES}")
        return Log(refused=(_unkept(body, why),))
    try:
        return _read_records(_records(from_json(body)))
    except RejectedEvent as why:
        return Log(refused=(_unkept(body, why),))
    except ValueError:
        return _read_beginning(body)


def _read_beginning(body: bytes) -> Log:
    """Read a body that is not JSON: up to the cut, if it starts as JSON."""
    try:
        # The last record is where the cut is.
        whole = _records(from_json(body, allow_partial=True))[:-1]
    except (ValueError, RejectedEvent):
        why = RejectedEvent(Code.NOT_JSON, "is not JSON")
        return Log(refused=(_unkept(body, why),))
    log = _read_records(whole)
    reason = f"cut off after {len(whole)} records, which were read"
    cut = _unkept(body, RejectedEvent(Code.TRUNCATED, reason))
    return log._replace(refused=(*log.refused, cut))


def _records(content: Any) -> list[Any]:
    """Return the records of a body: `{"records": […]}`, a bare list, or one record."""
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        lowered = _lowered(content)
        if _NOT_KEPT in lowered:
            raise RejectedEvent(Code.NOT_JSON, "only its size and hash were kept")
        records = lowered.get(_RECORDS)
        if isinstance(records, list):
            return records
        if lowered.keys() & {"category", "type", "properties"} and "specversion" not in lowered:
            return [content]
    raise RejectedEvent(Code.UNKNOWN_TYPE, "is neither a log record nor a list of them")


def _read_records(records: Sequence[Any]) -> Log:
    llm: list[LlmRow] = []
    gateway: list[GatewayRow] = []
    refused: list[Refused] = []
    ignored = 0
    for record in records:
        try:
            row = _read_record(record)
        except RejectedEvent as why:
            refused.append(Refused(why, to_json({_RECORDS: [_kept(record)]})))
            continue
        if isinstance(row, LlmRow):
            llm.append(row)
        elif row is None:
            ignored += 1
        else:
            gateway.append(row)
    return Log(tuple(llm), tuple(gateway), tuple(refused), ignored, _resource(records))


def _resource(records: Sequence[Any]) -> str:
    if not records or not isinstance(records[0], dict):
        return ""
    fields = _lowered(records[0])
    found = fields.get("resourceid") or fields.get("_resourceid")
    return found[:_MAX_KEPT].lower() if isinstance(found, str) else ""


def _read_record(record: Any) -> LlmRow | GatewayRow | None:
    if not isinstance(record, dict):
        raise RejectedEvent(Code.INVALID_FIELD, "records: contains a value that is not an object")
    root = _lowered(record)
    fields = Fields(root, _lowered(_properties(root)))
    # A table of Log Analytics names its rows in the singular, and only in `Type`.
    category = (fields.text("category") or fields.text("type") or "").lower().removesuffix("s")
    if category.endswith("gatewayllmlog"):
        return read_llm_row(fields)
    if category.endswith("gatewaylog"):
        return read_gateway_row(fields)
    return None


def _properties(root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the properties of a record; some services write them as text."""
    found = root.get("properties")
    if isinstance(found, str):
        try:
            found = from_json(found)
        except ValueError:
            raise RejectedEvent(Code.INVALID_FIELD, "properties: is not an object") from None
    return found if isinstance(found, dict) else {}


def _lowered(content: Mapping[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in content.items()}


def _kept(record: Any) -> dict[str, object]:
    """Return a record for a dead letter: known fields only, so never a message."""
    if not isinstance(record, dict):
        return {}
    root = _lowered(record)
    try:
        properties = _properties(root)
    except RejectedEvent:
        return _scalars(root) | {"properties": ""}
    inner = _scalars(_lowered(properties))
    return _scalars(root) | ({"properties": inner} if inner else {})


def _scalars(fields: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value[:_MAX_KEPT] if isinstance(value, str) else value
        for name, value in fields.items()
        if name in KEPT_FIELDS and (value is None or isinstance(value, str | int | float))
    }


def _unkept(body: bytes, why: RejectedEvent) -> Refused:
    """Refuse a body that cannot be parsed, so its messages cannot be removed."""
    if why.code is Code.NOT_JSON and body.startswith(b'{"%s":' % _NOT_KEPT.encode()):
        return Refused(why, body)
    said = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    return Refused(why, to_json({_NOT_KEPT: said}))
