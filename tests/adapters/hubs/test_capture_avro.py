"""Reading Capture's Avro: all events in order, and of a damaged file what is before the damage."""

import io
import json
import tracemalloc
from pathlib import Path
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.adapters.hubs.capture_avro import MAX_BLOCK_BYTES, read_capture
from metering.adapters.hubs.capture_folder import CaptureFolder
from metering.core.basics.errors import CaptureDamaged, ConfigurationError
from metering.core.hubs.capture import CapturedEvent, CaptureFile
from tests.capture_files import captured, name_of, write

BODIES = [b'{"id": "r-%d"}' % number for number in range(100)]
WHOLE = captured(BODIES, first=7)


def read(content: bytes) -> tuple[list[CapturedEvent], str]:
    """Return what could be read, and why not more."""
    events: list[CapturedEvent] = []
    try:
        events.extend(read_capture(io.BytesIO(content)))
    except CaptureDamaged as why:
        return events, str(why)
    return events, ""


def read_one_by_one(content: bytes) -> tuple[list[CapturedEvent], str]:
    events: list[CapturedEvent] = []
    found = read_capture(io.BytesIO(content))
    while True:
        try:
            events.append(next(found))
        except StopIteration:
            return events, ""
        except CaptureDamaged as why:
            return events, str(why)


@pytest.mark.parametrize("codec", ["null", "deflate"])
def test_every_event_is_read_in_order_with_its_number(codec: str) -> None:
    events, why = read(captured(BODIES, first=7, codec=codec))
    assert why == ""
    assert events == [CapturedEvent(number, body) for number, body in enumerate(BODIES, 7)]


def test_a_file_without_events_is_empty_and_whole() -> None:
    assert read(captured([])) == ([], "")


def test_an_event_without_a_body_is_an_event() -> None:
    assert read(captured([None])) == ([CapturedEvent(0, b"")], "")


def test_a_small_file_takes_little_memory_whatever_it_stands_for() -> None:
    # 400 KB of zeros, packed: 400 MB to whoever unpacks them.
    bomb = captured([bytes(400 * 1024 * 1024)], codec="deflate")
    assert len(bomb) < 420_000
    tracemalloc.start()
    try:
        events, why = read(bomb)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (events, why) == (
        [],
        f"cannot be read: a block has more than {MAX_BLOCK_BYTES} bytes uncompressed",
    )
    assert most < 3 * MAX_BLOCK_BYTES


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        # Number of records, then bytes, as integers of variable length.
        (b"\x02" + b"\x80\x80\x80\x80\x10", "a block has 2147483648 bytes"),
        (b"\x02" + b"\x01", "a block has -1 bytes"),
        (b"\x80\x80\x80\x80\x10" + b"\x02x", "a block of 1 bytes has 2147483648 records"),
        (b"\xff" * 11, "a number has more than 64 bits"),
        (b"\x02\x14short", "the file ends too early"),
    ],
)
def test_lengths_that_cannot_be_are_damage(tail: bytes, why: str) -> None:
    events, said = read(captured([b"a"]) + tail)
    assert len(events) == 1
    assert why in said


@pytest.mark.parametrize(
    "body",
    [
        {"type": "array", "items": "null"},
        {"type": "map", "values": {"type": "array", "items": "null"}},
        {"type": "enum", "name": "e", "symbols": ["a"]},
        "EventData",
    ],
)
def test_a_schema_that_capture_does_not_write_is_not_decoded(body: Any) -> None:
    schema = {
        "type": "record",
        "name": "EventData",
        "fields": [{"name": "SequenceNumber", "type": "long"}, {"name": "Body", "type": body}],
    }
    meta = {"avro.schema": json.dumps(schema).encode()}
    header = io.BytesIO()
    fastavro.schemaless_writer(header, {"type": "map", "values": "bytes"}, meta)
    _, why = read(b"Obj\x01" + header.getvalue() + bytes(16))
    assert why == "cannot be read: its schema has a type that Capture does not write"


@pytest.mark.parametrize("content", [b"", b"Obj\x01", b"not avro at all", b"\0" * 1000])
def test_what_is_no_avro_is_damaged(content: bytes) -> None:
    events, why = read(content)
    assert events == []
    assert why.startswith("cannot be read: ")


def test_an_avro_file_of_something_else_is_told_as_such() -> None:
    stream = io.BytesIO()
    schema = {"type": "record", "name": "x", "fields": [{"name": "a", "type": "long"}]}
    fastavro.writer(stream, schema, [{"a": 1}])
    assert read(stream.getvalue()) == (
        [],
        "is not a Capture file: its schema lacks SequenceNumber or Body",
    )


@given(st.integers(1, len(WHOLE) - 1))
def test_a_file_that_was_cut_off_gives_what_is_before_the_cut(length: int) -> None:
    events, why = read_one_by_one(WHOLE[:length])
    assert events == [CapturedEvent(n, body) for n, body in enumerate(BODIES, 7)][: len(events)]
    assert why or len(events) < len(BODIES)


@given(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=8))
def test_whatever_is_damaged_the_others_can_still_be_read(place: int, noise: bytes) -> None:
    damaged = WHOLE[:place] + noise + WHOLE[place + len(noise) :]
    events, why = read_one_by_one(damaged)
    assert why or all(isinstance(event.body, bytes) for event in events)


async def test_a_folder_is_looked_through_for_avro_files(tmp_path: Path) -> None:
    path = write(tmp_path, name_of(0, 1), WHOLE)
    write(tmp_path, "evhns/usage/0/notes.txt", b"")
    folder = CaptureFolder(tmp_path)
    (file,) = await folder.list_files()
    assert file == CaptureFile(str(path), len(WHOLE))
    assert len([event async for event in folder.events(file)]) == 100
    assert await CaptureFolder(path).list_files() == [file]
    await folder.close()


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere: is neither a folder nor a file"):
        await CaptureFolder(tmp_path / "nowhere").list_files()


async def test_a_file_that_has_gone_since_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(CaptureDamaged, match="No such file"):
        async for _ in CaptureFolder(tmp_path).events(CaptureFile(str(tmp_path / "x.avro"), 1)):
            pass
