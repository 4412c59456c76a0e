"""Gateway logs as Azure Monitor ships them to a hub: a body of many records, read into rows.

Two casings occur: camelCase inside `properties` (Event Hubs), PascalCase columns (Log Analytics).
Only the fields named here are ever read or kept: no message, header, URL or address.
"""

import hashlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic_core import from_json, to_json

from metering.core.basics.errors import UNREADABLE, Code, RejectedEvent
from metering.core.basics.wording import plural
from metering.core.streams.broken_bodies import Document, Rest, parts_of
from metering.core.streams.log_fields import KEPT_FIELDS, Fields, lowered
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
#: Marks of UTF-16, in which PowerShell writes files.
_MARKS: Final = ((BOM_UTF16_LE, "utf-16-le"), (BOM_UTF16_BE, "utf-16-be"))


class Refused(NamedTuple):
    """A rejected record or body: the reason with its place, and the part that may be kept."""

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
    """Return the rows in a body; rejected records are in `refused`, each with its place.

    Of a body that is not one JSON document, such as a truncated one, every whole record is read.
    """
    if len(body) > MAX_BODY_BYTES:
        why = RejectedEvent(Code.TOO_LARGE, f"{len(body)} bytes, at most {MAX_BODY_BYTES}")
        return Log(refused=(_unkept(body, why),))
    plain = _without_mark(body)
    try:
        return _read_records(_records(from_json(plain)))
    except RejectedEvent as why:
        return Log(refused=(_unkept(body, why),))
    except ValueError:
        return _read_parts(body, plain)


def _without_mark(body: bytes) -> bytes:
    """Return a body as UTF-8 without a byte-order mark."""
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace").encode()
    return body.removeprefix(BOM_UTF8)


def _read_parts(body: bytes, plain: bytes) -> Log:
    """Read a body that is not JSON: its whole records, and the place of everything else."""
    logs: list[Log] = []
    number = 0
    for part in parts_of(plain, _is_document):
        if isinstance(part, Document):
            found = _records(part.content)
            logs.append(_read_records(found, number, f" after byte {part.start}"))
            number += len(found)
            continue
        where = f"byte {part.start}"
        why = RejectedEvent(Code.NOT_JSON, f"records[{number}] at {where}: is not JSON")
        if part.cut:
            kept = f"{plural(number, 'record')}, which {'was' if number == 1 else 'were'} read"
            reason = f"cut off after {kept}, at {where}"
            why = RejectedEvent(Code.TRUNCATED, reason)
        logs.append(Log(refused=(_unkept(body, why, part),)))
        number += 1
    if not logs:
        logs.append(Log(refused=(_unkept(body, RejectedEvent(Code.NOT_JSON, "is empty")),)))
    return Log(
        tuple(row for log in logs for row in log.llm_rows),
        tuple(row for log in logs for row in log.gateway_rows),
        tuple(bad for log in logs for bad in log.refused),
        sum(log.ignored for log in logs),
        next((log.resource for log in logs if log.resource), ""),
    )


def _is_document(content: dict[str, Any]) -> bool:
    """Return whether an object within a broken body is a list of records, or one record."""
    fields = lowered(content)
    if isinstance(fields.get(_RECORDS), list) or isinstance(fields.get("category"), str):
        return True
    return str(fields.get("type")).lower().startswith("apimanagement")


def _records(content: Any) -> list[Any]:
    """Return the records of a body: `{"records": […]}`, a bare list, or one record."""
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        fields = lowered(content)
        if _NOT_KEPT in fields:
            raise RejectedEvent(Code.NOT_JSON, "only its size and hash were kept")
        records = fields.get(_RECORDS)
        if isinstance(records, list):
            return records
        if fields.keys() & {"category", "type", "properties"} and "specversion" not in fields:
            return [content]
    raise RejectedEvent(Code.UNKNOWN_TYPE, "is neither a log record nor a list of them")


def _read_records(records: Sequence[Any], first: int = 0, where: str = "") -> Log:
    """Read records; `first` is the place of the first one, `where` that of their document."""
    llm: list[LlmRow] = []
    gateway: list[GatewayRow] = []
    refused: list[Refused] = []
    ignored = 0
    for number, record in enumerate(records, first):
        try:
            row = _read_record(record)
        except RejectedEvent as why:
            placed = RejectedEvent(why.code, f"records[{number}]{where}: {why.reason}")
            refused.append(Refused(placed, to_json({_RECORDS: [_kept(record)]})))
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
    fields = lowered(records[0])
    found = fields.get("resourceid") or fields.get("_resourceid")
    return found[:_MAX_KEPT].lower() if isinstance(found, str) else ""


def _read_record(record: Any) -> LlmRow | GatewayRow | None:
    if not isinstance(record, dict):
        raise RejectedEvent(Code.INVALID_FIELD, "records: contains a value that is not an object")
    root = lowered(record)
    fields = Fields(root, lowered(_properties(root)))
    category = fields.category()
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


def _kept(record: Any) -> dict[str, object]:
    """Return a record for a dead letter: known fields only, so never a message."""
    if not isinstance(record, dict):
        return {}
    root = lowered(record)
    try:
        properties = _properties(root)
    except RejectedEvent:
        return _scalars(root) | {"properties": ""}
    inner = _scalars(lowered(properties))
    return _scalars(root) | ({"properties": inner} if inner else {})


def _scalars(fields: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: value[:_MAX_KEPT] if isinstance(value, str) else value
        for name, value in fields.items()
        if name in KEPT_FIELDS and (value is None or isinstance(value, str | int | float))
    }


def _unkept(body: bytes, why: RejectedEvent, part: Rest | None = None) -> Refused:
    """Refuse a body or a part of one that cannot be parsed, so its messages cannot be removed."""
    if why.code is Code.NOT_JSON and body.startswith(b'{"%s":' % _NOT_KEPT.encode()):
        return Refused(why, body)
    said: dict[str, object] = {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    if part is not None:
        said |= {"from": part.start, "to": part.end}
    return Refused(why, to_json({_NOT_KEPT: said}))
