"""Bodies of exports, read as the specification has them, bounded, and answered in kind."""

import gzip
import json
from typing import Any

import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)

from metering.adapters.otlp.bodies import (
    MAX_BYTES,
    Encoding,
    NotReadable,
    Refused,
    Signal,
    answer,
    encoding_of,
    read_export,
    status,
    unpacked,
)
from metering.adapters.otlp.samples import samples_of
from metering.core.aggregates.vocabulary import Sample
from metering.core.basics.instants import parse_instant

#: As the specification's example writes it: 64-bit numbers as text, enumerations as numbers.
EXPORT: dict[str, Any] = {
    "resourceMetrics": [
        {
            "resource": {
                "attributes": [{"key": "service.name", "value": {"stringValue": "apim-gateway"}}]
            },
            "scopeMetrics": [
                {
                    "scope": {"name": "gateway"},
                    "metrics": [
                        {
                            "name": "azure.ai_gateway.client.token.usage",
                            "sum": {
                                "aggregationTemporality": 2,
                                "isMonotonic": True,
                                "dataPoints": [
                                    {
                                        "asInt": "1200",
                                        "startTimeUnixNano": "1763632800000000000",
                                        "timeUnixNano": "1763636400000000000",
                                        "attributes": [
                                            {
                                                "key": "gen_ai.token.type",
                                                "value": {"stringValue": "prompt_tokens"},
                                            },
                                            {"key": "cached", "value": {"boolValue": False}},
                                            {"key": "n", "value": {"intValue": "3"}},
                                            {"key": "none", "value": {}},
                                            {
                                                "key": "list",
                                                "value": {
                                                    "arrayValue": {"values": [{"intValue": "1"}]}
                                                },
                                            },
                                        ],
                                    },
                                    {"timeUnixNano": "1763636400000000000"},
                                ],
                            },
                        },
                        {
                            "name": "gen_ai.client.token.usage",
                            "histogram": {
                                "aggregationTemporality": 1,
                                "dataPoints": [
                                    {
                                        "count": "2",
                                        "sum": 17,
                                        "startTimeUnixNano": "1763636340000000000",
                                        "timeUnixNano": "1763636400000000000",
                                    },
                                    {"count": "0"},
                                ],
                            },
                        },
                        {"name": "process.memory", "gauge": {"dataPoints": [{"asInt": "3"}]}},
                    ],
                }
            ],
            "schemaUrl": "a field of a later version stays unread",
            "later": {"x": 1},
        }
    ]
}


def test_an_export_reads_the_same_in_both_encodings() -> None:
    from_json = read_export(Signal.METRICS, json.dumps(EXPORT).encode(), Encoding.JSON)
    as_protobuf = from_json.SerializeToString()
    from_protobuf = read_export(Signal.METRICS, as_protobuf, Encoding.PROTOBUF)
    found = list(samples_of(from_json))
    assert found == list(samples_of(from_protobuf))
    first, second = found
    resource = {"service.name": "apim-gateway"}
    assert first == Sample(
        "azure.ai_gateway.client.token.usage",
        resource,
        {
            "gen_ai.token.type": "prompt_tokens",
            "cached": "false",
            "n": "3",
            "none": "",
            "list": '{"arrayValue": {"values": [{"intValue": "1"}]}}',
        },
        parse_instant("2025-11-20T10:00:00Z"),
        parse_instant("2025-11-20T11:00:00Z"),
        1200,
        is_cumulative=True,
    )
    assert (second.value, second.is_cumulative, second.attributes) == (17.0, False, {})


def test_a_body_may_be_packed_and_its_size_is_bounded() -> None:
    assert unpacked(b"abc", None) == unpacked(b"abc", "identity") == b"abc"
    assert unpacked(gzip.compress(b"abc"), "GZip") == b"abc"
    bomb = gzip.compress(bytes(MAX_BYTES + 1))
    assert len(bomb) < 20_000
    for body, packing, code in (
        (bomb, "gzip", 413),
        (b"abc", "gzip", 400),
        (gzip.compress(b"abc")[:-3], "gzip", 400),
        (b"abc", "br", 415),
    ):
        with pytest.raises(NotReadable) as refused:
            unpacked(body, packing)
        assert refused.value.status == code


def test_a_body_of_another_type_or_of_no_export_is_refused() -> None:
    assert encoding_of("application/x-protobuf") is Encoding.PROTOBUF
    assert encoding_of("Application/JSON; charset=utf-8") is Encoding.JSON
    for media_type in (None, "text/plain"):
        with pytest.raises(NotReadable) as refused:
            encoding_of(media_type)
        assert refused.value.status == 415
    deep = b'{"resourceMetrics":' + b"[" * 5_000
    for content, encoding in (
        (b"\xff\xff", Encoding.PROTOBUF),
        (b"{", Encoding.JSON),
        (b"\xff", Encoding.JSON),
        (b"[]", Encoding.JSON),
        (deep, Encoding.JSON),
    ):
        with pytest.raises(NotReadable) as refused:
            read_export(Signal.METRICS, content, encoding)
        assert refused.value.status == 400


def test_an_answer_says_what_was_refused_and_nothing_otherwise() -> None:
    assert answer(Signal.METRICS, Encoding.PROTOBUF, Refused()) == b""
    assert answer(Signal.TRACES, Encoding.JSON, Refused()) == b"{}"
    refused = Refused(3, "older than seven days")
    said = ExportMetricsServiceResponse.FromString(
        answer(Signal.METRICS, Encoding.PROTOBUF, refused)
    )
    assert said.partial_success.rejected_data_points == 3
    assert said.partial_success.error_message == "older than seven days"
    assert json.loads(answer(Signal.LOGS, Encoding.JSON, refused)) == {
        "partialSuccess": {"rejectedLogRecords": "3", "errorMessage": "older than seven days"}
    }


@pytest.mark.parametrize("reason", ["", "no", "é" * 200, "x" * 20_000])
def test_an_error_is_a_status(reason: str) -> None:
    assert Status.FromString(status(Encoding.PROTOBUF, reason)).message == reason
    assert json.loads(status(Encoding.JSON, reason)) == {"message": reason}


def test_an_export_without_anything_has_no_samples() -> None:
    assert list(samples_of(ExportMetricsServiceRequest())) == []
