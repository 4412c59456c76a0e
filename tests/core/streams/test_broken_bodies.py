"""Bodies that are not one JSON document: every whole record is read, and the rest has its place."""

import json
from itertools import batched
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.core.basics.errors import Code
from metering.core.streams.gateway_log import Log, read_log
from tests.gateway_logs import gateway_record, llm_record, log

#: A row as it stands in a body, with quotes and brackets in its messages.
MESSAGES = {
    "requestMessages": [{"role": "user", "content": [{"type": "text", "text": 'a {"b": "c}\\'}]}],
    "responseMessages": '[{"category": "GatewayLlmLogs", "correlationId": "not-a-request"}]',
}


def record(number: int) -> bytes:
    return json.dumps(llm_record(f"r-{number}", **MESSAGES)).encode()


def body(*records: bytes) -> bytes:
    return b'{"records": [' + b", ".join(records) + b"]}"


def ids(found: Log) -> list[str]:
    return [row.request_id for row in found.llm_rows]


def told(found: Log) -> list[str]:
    return [bad.why.reason for bad in found.refused]


def test_two_documents_in_one_body_are_both_read() -> None:
    for between in (b"", b"\n", b", ", b"\r\n\r\n"):
        found = read_log(body(record(1), record(2)) + between + log(gateway_record("r-3")))
        assert (ids(found), len(found.gateway_rows), found.refused) == (["r-1", "r-2"], 1, ())


@pytest.mark.parametrize("separator", [b"\n", b"", b",\n"])
def test_a_record_a_line_is_read(separator: bytes) -> None:
    found = read_log(separator.join(map(record, range(5))))
    assert (ids(found), found.refused) == ([f"r-{n}" for n in range(5)], ())


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_a_body(encoding: str) -> None:
    assert read_log(body(record(1)).decode().encode(encoding)) == read_log(body(record(1)))
    cut = read_log(body(record(1), record(2))[:-9].decode().encode(encoding))
    assert (ids(cut), [bad.why.code for bad in cut.refused]) == (["r-1"], [Code.TRUNCATED])


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"undefined",
        b"{'a': 1}",
        b'{"a": undefined}',
        b'{"a": 1,}',
        b'{"a": "\n"}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b'{"category": "GatewayLlmLogs", "properties": {"correlationId": "lost"}',
        b'{"category": "GatewayLlmLogs", "properties": {"correlationId": "lost',
        b'{"category": "GatewayLlmLogs", "properties": ',
        b'{"category": "GatewayLlmLogs, "properties": {"correlationId": "lost"}}',
        b'{"category": "GatewayLlmLogs", "properties": {"correlationId": "lost"}}}',
        b'{"a": ' + b"[" * 150_000 + b"]" * 150_000 + b"}",
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b'{"a":' * 300 + b"1" + b"}" * 300,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
)
def test_records_around_one_that_is_not_json_are_read_and_its_place_is_told(bad: bytes) -> None:
    found = read_log(body(record(0), record(1), bad, record(3), record(4)))
    assert [one for one in ids(found) if one != "lost"] == ["r-0", "r-1", "r-3", "r-4"]
    whole = bad in {
        b"",
        b'{"category": "GatewayLlmLogs", "properties": {"correlationId": "lost"}}}',
    }
    if not whole:
        # 13 characters open the list, and two part its records.
        start = 13 + len(record(0)) + 2 + len(record(1)) + 2
        assert told(found) == [f"records[2] at byte {start}: is not JSON"]
        (kept,) = (json.loads(one.body)["not_kept"] for one in found.refused)
        assert (kept["from"], kept["to"] >= start + 2) == (start, True)


def test_two_records_that_are_not_json_are_two_dead_letters() -> None:
    found = read_log(body(b'{"a": nil}', b'{"a": nil}', record(2), b'{"a": nil}'))
    assert ids(found) == ["r-2"]
    assert [reason.split(" at")[0] for reason in told(found)] == [
        "records[0]",
        "records[1]",
        "records[3]",
    ]
    assert len({bad.body for bad in found.refused}) == 3


def test_a_record_that_is_json_and_no_log_row_has_its_place_too() -> None:
    whole = body(record(0), json.dumps(llm_record(None)).encode(), record(2))
    assert told(read_log(whole)) == ["records[1]: correlationId: is missing"]
    found = read_log(record(9) + whole)
    assert ids(found) == ["r-9", "r-0", "r-2"]
    # After the one record, the second document begins where that ends.
    place = f"records[2] after byte {len(record(9))}"
    assert told(found) == [f"{place}: correlationId: is missing"]


def test_records_of_other_logs_are_ignored_in_a_broken_body_too() -> None:
    other = json.dumps({"category": "WebSocketConnectionLogs", "properties": {}}).encode()
    table = b'{"Type": "ApiManagementGatewayLlmLog", "CorrelationId": "r-2", "PromptTokens": 5}'
    found = read_log(body(record(0), other, b"nil", table))
    assert (ids(found), found.ignored, len(found.refused)) == (["r-0", "r-2"], 1, 1)


def test_a_body_cut_right_after_a_record_gives_that_record_and_tells_of_the_cut() -> None:
    whole = body(record(0), record(1))
    for end in (len(whole) - 2, len(whole) - 1):
        found = read_log(whole[:end])
        assert ids(found) == ["r-0", "r-1"]
        if end == len(whole) - 2:
            assert [bad.why.code for bad in found.refused] == [Code.TRUNCATED]
            assert told(found) == [
                f"cut off after 2 records, which were read, at byte {len(whole) - 2}"
            ]


@given(st.integers(0, 10_000))
@example(13)
def test_a_body_cut_anywhere_gives_every_record_before_the_cut(where: int) -> None:
    whole = body(*map(record, range(4)))
    cut = whole[: where % len(whole)]
    found = read_log(cut)
    complete = sum(cut.count(record(number)) for number in range(4))
    assert ids(found) == [f"r-{number}" for number in range(complete)]
    # Only the last bracket and brace may go without a loss.
    assert found.refused or len(cut) >= len(whole) - 1


def test_different_bodies_cut_at_a_record_are_different_dead_letters() -> None:
    letters = [read_log(body(record(number))[:-2]).refused[0].body for number in range(2)]
    assert letters[0] != letters[1]


EDITS = st.tuples(
    st.integers(0, 10_000),
    st.integers(0, 3),
    st.binary(max_size=2) | st.sampled_from([b'"', b"{", b"}", b"[", b"]", b",", b"\\", b'{"']),
)


@given(EDITS)
def test_whatever_happens_to_one_record_the_others_are_read(edit: tuple[int, int, bytes]) -> None:
    where, removed, added = edit
    middle = record(2)
    at = where % len(middle)
    broken = middle[:at] + added + middle[at + removed :]
    found = read_log(body(record(0), record(1), broken, record(3), record(4)))
    others = [one for one in ids(found) if one in {"r-0", "r-1", "r-3", "r-4"}]
    assert others == ["r-0", "r-1", "r-3", "r-4"]
    assert "not-a-request" not in ids(found)


def test_a_body_is_not_read_again_for_every_level_of_its_nesting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked: list[int] = []
    real = json.JSONDecoder.raw_decode

    def watched(decoder: json.JSONDecoder, text: str, start: int) -> Any:
        looked.append(start)
        return real(decoder, text, start)

    monkeypatch.setattr(json.JSONDecoder, "raw_decode", watched)
    # Each level alone would read the numbers to the end.
    read_log(b'{"records": [' + b'{"a": ' * 500 + b"[" + b"1, " * 20_000)
    assert len(looked) == 17


def test_many_lines_are_read_in_order() -> None:
    lines = [b"\n".join(part) for part in batched(map(record, range(500)), 1, strict=True)]
    assert ids(read_log(b"\n".join(lines))) == [f"r-{number}" for number in range(500)]
