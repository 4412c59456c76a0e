"""Reading gateway logs: both casings, rows that are repeats and parts, and nothing private kept."""

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.basics.errors import Code
from metering.core.basics.instants import parse_instant
from metering.core.streams.gateway_log import Log, read_log
from metering.core.streams.log_rows import GatewayRow, LlmRow, merge_rows
from metering.core.usage.event import MAX_BODY_BYTES
from tests.gateway_logs import RESOURCE, gateway_record, llm_record, log

OF = RESOURCE.lower()
TIME = parse_instant("2026-11-20T11:45:00.123456Z")
ROW = LlmRow("r-1", "gpt-4o", "gpt-4o", 1000, 100, 1100, None, TIME, 0)
SENDER = GatewayRow(
    "r-1",
    "sub-1",
    "gold",
    "openai",
    "chat",
    "swedencentral",
    "pool-1",
    "test",
    200,
    TIME,
)


def codes(found: Log) -> list[Code]:
    return [bad.why.code for bad in found.refused]


def test_a_body_holds_many_records_of_both_logs_and_of_others() -> None:
    other = {"category": "WebSocketConnectionLogs", "properties": {}}
    assert read_log(log(llm_record(), gateway_record(), other)) == Log(
        (ROW,), (SENDER,), ignored=1, resource=OF
    )


@pytest.mark.parametrize("wrap", [lambda record: [record], lambda record: record])
def test_a_bare_list_or_a_bare_record_is_read_too(wrap: Any) -> None:
    assert read_log(json.dumps(wrap(llm_record())).encode()) == Log((ROW,), resource=OF)


def test_the_columns_of_log_analytics_are_read_too() -> None:
    llm = {
        "Type": "ApiManagementGatewayLlmLog",
        "TimeGenerated": "2026-11-20T11:45:00.1234567Z",
        "CorrelationId": "r-1",
        "ModelName": "gpt-4o",
        "DeploymentName": "gpt-4o",
        "PromptTokens": "1000",
        "CompletionTokens": 100.0,
        "TotalTokens": "1100.0",
        "SequenceNumber": "0",
    }
    gateway = {
        "Category": "GatewayLogs",
        "TimeGenerated": "2026-11-20T11:45:00.1234567Z",
        "_ResourceId": "/subscriptions/0/providers/microsoft.apimanagement/service/Test",
        "CorrelationId": "r-1",
        "ApimSubscriptionId": "sub-1",
        "ProductId": "gold",
        "ApiId": "openai",
        "OperationId": "chat",
        "Region": "Sweden Central",
        "BackendId": "pool-1",
        "ResponseCode": 200,
    }
    assert read_log(log(llm, gateway)) == Log((ROW,), (SENDER,))


def test_the_columns_of_azure_diagnostics_are_read_too() -> None:
    llm = {
        "TimeGenerated": "2026-11-20T11:45:00.1234567Z",
        "Type": "AzureDiagnostics",
        "Category": "GatewayLlmLogs",
        "correlationId_g": "r-1",
        "CorrelationId": "",
        "modelName_s": "gpt-4o",
        "deploymentName_s": "gpt-4o",
        "promptTokens_d": 1000.0,
        "completionTokens_d": "100",
        "totalTokens_d": 1100,
        "promptCachedTokens_d": None,
        "isStreamCompletion_b": True,
        "sequenceNumber_d": 0.0,
        # A column of the other log, empty in this row.
        "responseCode_d": None,
    }
    gateway = {
        "time_t": "2026-11-20T11:45:00.1234567Z",
        "Category": "GatewayLogs",
        "ResourceId": "/SUBSCRIPTIONS/0/PROVIDERS/MICROSOFT.APIMANAGEMENT/SERVICE/TEST",
        "CorrelationId": "r-1",
        "correlationId_g": "not-this-one",
        "apimSubscriptionId_s": "sub-1",
        "productId_s": "gold",
        "apiId_s": "openai",
        "operationId_s": "chat",
        "location_s": "Sweden Central",
        "backendId_s": "pool-1",
        "responseCode_d": 200.0,
    }
    assert read_log(log(llm, gateway)) == Log((ROW,), (SENDER,))
    refused = log({**llm, "correlationId_g": None, "requestMessages_s": "secret"})
    (bad,) = read_log(refused).refused
    assert b"secret" not in bad.body
    assert read_log(bad.body).refused[0].body == bad.body


def test_properties_may_be_written_as_text() -> None:
    record = llm_record()
    text = record | {"properties": json.dumps(record["properties"])}
    assert read_log(log(text)) == Log((ROW,), resource=OF)
    assert codes(read_log(log(record | {"properties": "{"}))) == [Code.INVALID_FIELD]


def test_the_correlation_id_is_that_of_the_properties_then_that_of_the_record() -> None:
    record = llm_record(correlationId=...) | {"correlationId": "root"}
    assert read_log(log(record)).llm_rows[0].request_id == "root"
    record = llm_record("inner") | {"correlationId": "root"}
    assert read_log(log(record)).llm_rows[0].request_id == "inner"


@pytest.mark.parametrize(
    "noise",
    [
        llm_record(
            None, requestId="", modelName="", promptTokens=0, completionTokens=0, totalTokens=0
        ),
        llm_record(promptTokens="", completionTokens=None, totalTokens=..., sequenceNumber=1),
        llm_record(promptTokens=0, completionTokens=0, totalTokens=0),
        gateway_record(responseCode=401),
        gateway_record(None, responseCode=429),
    ],
)
def test_what_says_nothing_about_usage_is_ignored(noise: Any) -> None:
    assert read_log(log(noise)) == Log(ignored=1, resource=OF)


def test_a_row_with_tokens_and_without_a_request_id_is_kept() -> None:
    assert read_log(log(llm_record(requestId=""))).llm_rows == (ROW,)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (llm_record(None), Code.MISSING_FIELD),
        (gateway_record(""), Code.MISSING_FIELD),
        (llm_record("x" * 257), Code.ID_TOO_LONG),
        (llm_record(promptTokens="many"), Code.INVALID_FIELD),
        (llm_record(promptTokens="1."), Code.INVALID_FIELD),
        (llm_record(promptTokens="1.5"), Code.INVALID_FIELD),
        (llm_record(promptTokens=1.5), Code.INVALID_FIELD),
        (llm_record(promptTokens=-1), Code.INVALID_FIELD),
        (llm_record(promptTokens=True), Code.INVALID_FIELD),
        (llm_record(promptTokens=10**12), Code.INVALID_FIELD),
        (llm_record(modelName="m" * 257), Code.INVALID_FIELD),
        (llm_record() | {"time": "yesterday"}, Code.INVALID_FIELD),
        (llm_record() | {"time": "2026-11-20T11:45:00"}, Code.TIME_WITHOUT_ZONE),
        (gateway_record(responseCode=-1), Code.INVALID_FIELD),
        (gateway_record(responseCode=...), Code.INVALID_FIELD),
        (gateway_record(responseCode=700), Code.INVALID_FIELD),
        (gateway_record() | {"time": None}, Code.MISSING_FIELD),
        (gateway_record() | {"resourceId": None}, Code.MISSING_FIELD),
        (gateway_record() | {"resourceId": "/"}, Code.MISSING_FIELD),
        ("text", Code.INVALID_FIELD),
    ],
)
def test_a_record_that_cannot_be_used_is_refused_and_the_next_one_is_read(
    record: Any, code: Code
) -> None:
    found = read_log(log(record, llm_record()))
    assert (codes(found), found.llm_rows) == ([code], (ROW,))


def test_a_status_that_the_gateway_lacks_is_that_of_the_backend() -> None:
    record = gateway_record(responseCode=..., backendResponseCode=200)
    assert read_log(log(record)).gateway_rows == (SENDER,)


@pytest.mark.parametrize(("backend", "status"), [(..., 499), (0, 499), (200, 200), (502, 502)])
def test_a_client_that_was_gone_before_an_answer_is_what_the_policy_calls_it(
    backend: Any, status: int
) -> None:
    record = gateway_record(responseCode=0, backendResponseCode=backend)
    assert read_log(log(record)) == Log((), (SENDER._replace(status=status),), resource=OF)


def test_a_service_is_the_end_of_a_resource_id_that_names_none() -> None:
    record = gateway_record() | {"resourceId": "My-Gateway"}
    assert read_log(log(record)).gateway_rows == (SENDER._replace(service="my-gateway"),)


def test_the_date_behind_a_models_name_is_left_out_of_claudes_alone() -> None:
    dated = log(
        llm_record(modelName="claude-haiku-4-5-20251001"), llm_record(modelName="a-20251001")
    )
    assert [row.model for row in read_log(dated).llm_rows] == ["claude-haiku-4-5", "a-20251001"]


def test_a_row_without_a_time_or_names_is_a_row() -> None:
    record = llm_record(modelName="", deploymentName=..., sequenceNumber=...) | {"time": None}
    (row,) = read_log(log(record)).llm_rows
    assert (row.model, row.deployment, row.time, row.sequence) == (None, None, None, None)


@pytest.mark.parametrize("record", [llm_record(), llm_record(sequenceNumber=...) | {"time": None}])
def test_a_row_written_as_a_log_reads_back_the_same(record: Any) -> None:
    (row,) = read_log(log(record)).llm_rows
    assert read_log(row.body()) == Log((row,))


def test_a_sender_written_as_a_log_reads_back_the_same() -> None:
    for sender in (SENDER, SENDER._replace(subscription=None, product=None, region=None)):
        assert read_log(sender.body()) == Log((), (sender,))


PRIVATE = {
    "requestMessages": "my secret prompt",
    "responseMessages": [{"content": "my secret answer"}],
    "requestBody": "secret",
    "url": "https://secret",
    "requestHeaders": {"api-key": "secret"},
    "lastError": {"message": "secret"},
}


@pytest.mark.parametrize(
    "record",
    [
        llm_record(None, **PRIVATE),
        gateway_record(None, **PRIVATE),
        llm_record(None) | {"ResponseMessages": "secret", "callerIpAddress": "secret"},
        llm_record() | {"properties": '{"requestMessages": "secret'},
    ],
)
def test_what_is_kept_of_a_refused_record_has_no_message_url_or_address(record: Any) -> None:
    (bad,) = read_log(log(record)).refused
    assert b"secret" not in bad.body
    assert b"192.0.2.7" not in bad.body
    # Sent again, it is refused again in the same words.
    assert read_log(bad.body).refused == (bad,) or read_log(bad.body).refused[0].body == bad.body


def test_a_long_text_in_a_kept_field_is_cut() -> None:
    (bad,) = read_log(log(llm_record(modelName="m" * 5_000))).refused
    assert len(bad.body) < 2_000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"secret", Code.NOT_JSON),
        (b"\xff\xfe", Code.NOT_JSON),
        (b"12", Code.UNKNOWN_TYPE),
        (b'{"a": "secret"}', Code.UNKNOWN_TYPE),
        (b'{"specversion": "1.0", "type": "llm.usage.v1"}', Code.UNKNOWN_TYPE),
        (b'{"records": {"a": "secret"}}', Code.UNKNOWN_TYPE),
        (b'{"a": "secret', Code.NOT_JSON),
        (b" " * (MAX_BODY_BYTES + 1), Code.TOO_LARGE),
    ],
)
def test_of_a_body_that_cannot_be_taken_apart_only_size_and_hash_are_kept(
    body: bytes, code: Code
) -> None:
    (bad,) = read_log(body).refused
    assert bad.why.code is code
    assert b"secret" not in bad.body
    assert json.loads(bad.body)["not_kept"]["bytes"] == len(body)
    (again,) = read_log(bad.body).refused
    assert (again.why.code, again.body) == (Code.NOT_JSON, bad.body)


def test_a_body_that_was_cut_off_gives_the_records_before_the_cut() -> None:
    whole = log(llm_record(), gateway_record(), llm_record("r-2", requestMessages="my secret"))
    found = read_log(whole[:-20])
    assert (found.llm_rows, found.gateway_rows) == ((ROW,), (SENDER,))
    assert codes(found) == [Code.TRUNCATED]
    assert b"secret" not in found.refused[0].body


def merged(*records: Any) -> LlmRow:
    return merge_rows(read_log(log(*records)).llm_rows)["r-1"]


def test_rows_of_a_request_are_never_summed() -> None:
    assert merged(llm_record(), llm_record(), llm_record()) == ROW


@pytest.mark.parametrize(
    "others",
    [
        (llm_record(sequenceNumber=1, promptTokens=9999),),
        (llm_record(modelName="", deploymentName="", promptTokens=9999),),
        (
            llm_record(sequenceNumber=2, completionTokens=9999),
            llm_record(modelName="", deploymentName="", sequenceNumber=...),
        ),
    ],
)
def test_the_row_with_a_model_and_sequence_0_comes_first_in_every_order(others: Any) -> None:
    for order in permutations((llm_record(), *others)):
        assert merged(*order) == ROW


def test_where_sequence_0_is_missing_another_row_with_a_model_stands_in() -> None:
    nameless = llm_record(modelName="", deploymentName="", promptTokens=5000)
    late = llm_record(sequenceNumber=3)
    assert merged(nameless, late) == ROW._replace(sequence=3)
    assert merged(nameless).prompt_tokens == 5000


def test_of_rows_alike_each_field_is_the_largest() -> None:
    first = llm_record(promptTokens=1000, completionTokens=0, totalTokens=...)
    last = llm_record(promptTokens=..., completionTokens=100, totalTokens=1100)
    assert merged(first, last) == merged(last, first) == ROW


@given(
    st.binary(max_size=60)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["records", "category", "properties", "time"]), inner)
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode())
)
def test_no_body_raises(body: bytes) -> None:
    read_log(body)
