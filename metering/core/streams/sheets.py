"""Sheets: the rows in the documents of the register, in columns with repeated parts once.

| kind | content |
|---|---|
| `stream` | `ids`, `times`, `end_users`; `of`: the row's event in `events`, without these three |
| `final` | `finals`: pairs of a source and the ids that it reported with counts |
| `waiting` | `llm`, `gateway`: tables of log rows, by field: `values`, and `of` where they repeat |
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, batched
from typing import Any, Final, NamedTuple, Protocol

from pydantic_core import from_json, to_json

from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant, format_instant
from metering.core.calendars.periods import Slot, slot_of
from metering.core.streams.filing import Filed, Filing, place_of
from metering.core.streams.id_index import Digest, digest_of
from metering.core.streams.log_rows import GatewayRow, LlmRow
from metering.core.usage.event import LLM_USAGE, LlmUsageData
from metering.core.usage.usage import Usage

#: Rows of one document: an item of Cosmos DB takes 2 MB, and above 64 KB its price rises with size.
_TOGETHER: Final = 500
#: Bytes of the events of one document; an event alone is below 1 MB.
_MOST_BYTES: Final = 262_144
#: Fields of `data` that a stream's complete event takes over.
_KEPT: Final = frozenset(LlmUsageData.model_fields) - {
    *("usage", "tokens", "evidence", "hold", "end_user"),
}
#: Sets the sender of a request apart from its counts, which have the same id.
_GATEWAY: Final = b"gateway"
#: About how many bytes Python takes for one row of a table, and for each value of a stream.
_ROW_SIZE: Final = 400
_STREAM_SIZE: Final = 200


class Stream(NamedTuple):
    """A reported stream: what its complete event is made of."""

    request_id: str
    time: Instant
    end_user: str | None
    event: Mapping[str, Any]
    """`source`, `subject` and `data` of its event."""

    @property
    def source(self) -> str:
        """The source of its event, in lower case as ledgers have it."""
        return str(self.event["source"]).lower()

    def to_event(self) -> dict[str, Any]:
        """Return the event, without counts."""
        data = dict(self.event["data"])
        if self.end_user is not None:
            data["end_user"] = self.end_user
        return {
            "specversion": "1.0",
            "type": LLM_USAGE,
            "source": self.event["source"],
            "id": self.request_id,
            "time": format_instant(self.time),
            "subject": self.event["subject"],
            "data": data,
        }


type Row = Stream | str | LlmRow | GatewayRow
"""A row of a sheet; of a `final` sheet the source that reported the request."""


class Sheet(Protocol):
    """The rows of one document."""

    @property
    def size(self) -> int:
        """About how many bytes it takes in memory."""
        ...

    def digests(self) -> Iterator[Digest]:
        """Yield the digest of each row."""
        ...

    def row(self, number: int) -> Row:
        """Return a row by its number, from 0."""
        ...


class _Streams:
    """The rows of a document of kind `stream`."""

    def __init__(self, content: Document) -> None:
        self._content = content

    @property
    def size(self) -> int:
        return len(self._content["ids"]) * _STREAM_SIZE + len(to_json(self._content["events"])) * 2

    def digests(self) -> Iterator[Digest]:
        return map(digest_of, self._content["ids"])

    def row(self, number: int) -> Stream:
        content = self._content
        users = content.get("end_users")
        return Stream(
            content["ids"][number],
            content["times"][number],
            None if users is None else users[number],
            content["events"][content["of"][number]],
        )


class _Finals:
    """The rows of a document of kind `final`; the ids are not kept in memory."""

    def __init__(self, content: Document) -> None:
        self._ids: Iterable[str] = [id_ for _, ids in content["finals"] for id_ in ids]
        self._sources = [source for source, _ in content["finals"]]
        self._ends = list(accumulate(len(ids) for _, ids in content["finals"]))

    @property
    def size(self) -> int:
        return _ROW_SIZE

    def digests(self) -> Iterator[Digest]:
        ids, self._ids = self._ids, ()
        return map(digest_of, ids)

    def row(self, number: int) -> str:
        return str(self._sources[bisect_right(self._ends, number)])


class _Waiting:
    """The rows of a document of kind `waiting`: counts first, then senders."""

    def __init__(self, content: Document) -> None:
        self._llm = [LlmRow(**row) for row in _rows(content["llm"])]
        self._gateway = [GatewayRow(**row) for row in _rows(content["gateway"])]

    @property
    def size(self) -> int:
        return (len(self._llm) + len(self._gateway)) * _ROW_SIZE

    def digests(self) -> Iterator[Digest]:
        yield from (digest_of(row.request_id) for row in self._llm)
        yield from (sender_digest(row.request_id) for row in self._gateway)

    def row(self, number: int) -> LlmRow | GatewayRow:
        counted = len(self._llm)
        return self._llm[number] if number < counted else self._gateway[number - counted]


def sender_digest(request_id: str) -> Digest:
    """Return the digest of the sender of a request."""
    return digest_of(request_id, _GATEWAY)


def sheet_of(filed: Filed) -> Sheet:
    """Return the rows of a document."""
    if filed.kind == "stream":
        return _Streams(filed.content)
    return _Finals(filed.content) if filed.kind == "final" else _Waiting(filed.content)


def rows_of(filed: Filed) -> list[Row]:
    """Return all rows of a document."""
    sheet = sheet_of(filed)
    return [sheet.row(number) for number, _ in enumerate(sheet.digests())]


def file_streams(streams: Iterable[Stream], due: Instant | None) -> list[Filing]:
    """Return the documents of streams, by slot; a timer comes back to them unless `due` is None."""
    by_slot: defaultdict[Slot, list[Stream]] = defaultdict(list)
    for stream in streams:
        by_slot[slot_of(stream.time)].append(stream)
    return [
        Filing(place_of("stream", slot), _columns(part), due)
        for slot, found in by_slot.items()
        for part in _parts(found)
    ]


def stream_of(usage: Usage, body: bytes) -> Stream:
    """Return the stream in the body of an event, which was read as `usage`."""
    event = from_json(body)
    data = {name: value for name, value in event["data"].items() if name in _KEPT}
    kept = {"source": event["source"], "subject": event["subject"], "data": data}
    return Stream(usage.id, usage.time, usage.end_user, kept)


def _parts(streams: Iterable[Stream]) -> Iterator[list[Stream]]:
    """Cut streams into documents, by number and by bytes."""
    part: list[Stream] = []
    size = 0
    for stream in streams:
        more = len(to_json(stream.event))
        if part and (len(part) == _TOGETHER or size + more > _MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(stream)
        size += more
    yield part


def _columns(streams: Sequence[Stream]) -> Document:
    events: dict[bytes, int] = {}
    of = [events.setdefault(to_json(stream.event), len(events)) for stream in streams]
    content: Document = {
        "ids": [stream.request_id for stream in streams],
        "times": [stream.time for stream in streams],
        "of": of,
        "events": [from_json(event) for event in events],
    }
    if any(stream.end_user is not None for stream in streams):
        content["end_users"] = [stream.end_user for stream in streams]
    return content


def file_finals(slot: Slot, ids_by_source: Mapping[str, Sequence[str]]) -> list[Filing]:
    """Return the documents of requests of a slot that were counted, by the source of each."""
    pairs = [(source, id_) for source, ids in sorted(ids_by_source.items()) for id_ in ids]
    filings = []
    for part in batched(pairs, 2 * _TOGETHER, strict=False):
        by_source: defaultdict[str, list[str]] = defaultdict(list)
        for source, id_ in part:
            by_source[source].append(id_)
        content = {"finals": [[source, ids] for source, ids in by_source.items()]}
        filings.append(Filing(place_of("final", slot), content))
    return filings


def file_waiting(
    rows: Mapping[Slot, tuple[Sequence[LlmRow], Sequence[GatewayRow]]], due: Instant
) -> list[Filing]:
    """Return one document for each slot, of log rows of requests that were not reported."""
    return [
        Filing(place_of("waiting", slot), {"llm": _table(llm), "gateway": _table(gateway)}, due)
        for slot, (llm, gateway) in rows.items()
    ]


def _table(rows: Sequence[LlmRow] | Sequence[GatewayRow]) -> Document:
    """Return rows by field; a field of few values has each once."""
    if not rows:
        return {}
    return {
        name: _column(list(column))
        for name, column in zip(rows[0]._fields, zip(*rows, strict=True), strict=True)
    }


def _column(values: list[Any]) -> Document:
    distinct = list(dict.fromkeys(values))
    if 2 * len(distinct) > len(values):
        return {"values": values}
    numbers = {value: number for number, value in enumerate(distinct)}
    return {"values": distinct, "of": [numbers[value] for value in values]}


def _rows(table: Document) -> Iterator[dict[str, Any]]:
    columns = [_values(column) for column in table.values()]
    return (dict(zip(table, row, strict=True)) for row in zip(*columns, strict=True))


def _values(column: Document) -> list[Any]:
    values: list[Any] = column["values"]
    return [values[number] for number in column["of"]] if "of" in column else values
