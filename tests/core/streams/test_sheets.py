"""Documents of the register: what is filed reads back, repeated parts stand once."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from metering.core.calendars.periods import slot_of
from metering.core.streams.filing import Filed, Filing, due_before
from metering.core.streams.gateway_log import read_log
from metering.core.streams.log_rows import GatewayRow, LlmRow
from metering.core.streams.sheets import (
    Stream,
    file_finals,
    file_streams,
    file_waiting,
    rows_of,
    stream_of,
)
from metering.core.usage.usage_reader import UsageReader
from tests.builders import AT, NOW, body
from tests.gateway_logs import gateway_record, llm_record, log


def filed(filing: Filing) -> Filed:
    """Return a filing as a store gives it back: JSON."""
    content = json.loads(json.dumps(filing.content))
    return Filed(filing.id, filing.place, content, filing.due, 1)


def stream(**changes: Any) -> Stream:
    content = body(**{"data__tokens": "pending", "data__usage": None} | changes)
    return stream_of(UsageReader().read(content, NOW), content)


def test_streams_read_back_with_their_events_once() -> None:
    streams = [stream(id=f"r-{n}", data__end_user=f"u-{n % 3}") for n in range(50)]
    (filing,) = file_streams(streams, NOW)
    assert rows_of(filed(filing)) == streams
    assert len(filing.content["events"]) == 1
    assert filing.place == f"stream|{slot_of(AT)}"


def test_without_an_end_user_there_is_no_column() -> None:
    (filing,) = file_streams([stream()], None)
    assert "end_users" not in filing.content
    assert filing.due is None
    assert rows_of(filed(filing)) == [stream()]


def test_a_streams_event_is_the_one_that_was_reported_without_hold_and_unknown_fields() -> None:
    made = stream(data__end_user="u", data__hold={"max_output_tokens": 9}, data__other=1, extra=2)
    event = made.to_event()
    assert event["data"].pop("end_user") == "u"
    expected = json.loads(body())
    del expected["data"]["usage"], expected["data"]["tokens"]
    assert event == expected


def test_large_events_are_cut_into_documents_below_the_size_of_an_item() -> None:
    tools = [f"{'x' * 240}-{number}" for number in range(900)]
    streams = [stream(id=f"r-{n}", data__server_tools=[*tools, str(n)]) for n in range(5)]
    filings = file_streams(streams, NOW)
    assert len(filings) == 5
    assert all(len(json.dumps(one.content)) < 2_000_000 for one in filings)
    many = file_streams([stream(id=f"r-{n}") for n in range(1_001)], NOW)
    assert [len(one.content["ids"]) for one in many] == [500, 500, 1]


def test_finals_read_back_as_their_sources() -> None:
    ids = {"/apim/b": [f"b-{n}" for n in range(3)], "/apim/a": ["a-1"]}
    (filing,) = file_finals(7, ids)
    assert rows_of(filed(filing)) == ["/apim/a", *["/apim/b"] * 3]
    assert len(file_finals(7, {"/apim/a": [str(n) for n in range(2_001)]})) == 3


COUNT = st.none() | st.integers(0, 10**9)
NAME = st.none() | st.sampled_from(["gpt-4o", "gpt-5", "ü"])
LLM = st.builds(LlmRow, st.uuids().map(str), NAME, NAME, COUNT, COUNT, COUNT, COUNT, COUNT, COUNT)


@given(st.lists(LLM, max_size=12))
def test_waiting_rows_read_back(rows: list[LlmRow]) -> None:
    record = read_log(log(gateway_record(), gateway_record("r-2", backendId=...))).gateway_rows
    (filing,) = file_waiting({9: (rows, record)}, NOW)
    assert rows_of(filed(filing)) == [*rows, *record]
    assert all(isinstance(row, LlmRow | GatewayRow) for row in rows_of(filed(filing)))


def test_the_same_again_is_the_same_document_whenever_it_is_due() -> None:
    rows = read_log(log(llm_record())).llm_rows
    one, other = (file_waiting({9: (rows, [])}, due)[0] for due in (NOW, NOW + 5))
    assert one.id == other.id
    assert one.id != file_waiting({8: (rows, [])}, NOW)[0].id


def test_documents_sort_by_when_they_are_due() -> None:
    early, late = (
        file_streams([stream(id=name)], due)[0].due for name, due in (("z", 9), ("a", 10))
    )
    assert early is not None
    assert late is not None
    assert early < due_before("stream", 10) <= late < due_before("stream", 11)
