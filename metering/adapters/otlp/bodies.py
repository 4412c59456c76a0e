"""Bodies of OTLP over HTTP: protobuf or JSON, plain or gzip, and the answers to them.

Source: OpenTelemetry protocol 1.9 (opentelemetry.io/docs/specs/otlp, 2026): `/v1/metrics`,
`/v1/traces` and `/v1/logs` take one export each and answer in the encoding of the request; an error
is a `google.rpc.Status`, and a success with refused items says how many and why.
"""

import zlib
from enum import Enum
from typing import Any, Final, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2
from pydantic_core import to_json

from metering.core.basics.errors import MeteringError

#: Bytes of an export once it is unpacked.
MAX_BYTES: Final = 16 * 1_048_576
#: A message within a message, in JSON: an export is nine deep.
_MAX_DEPTH: Final = 64

#: The tag of field 2 with a length: `message` of google/rpc/status.proto.
_MESSAGE_FIELD: Final = b"\x12"
_BITS: Final = 7
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80

# Their classes are made when they are imported, so that no checker knows them.
_METRICS: Final[Any] = metrics_service_pb2
_TRACES: Final[Any] = trace_service_pb2
_LOGS: Final[Any] = logs_service_pb2


class Encoding(Enum):
    """The encodings of an export, by their media types."""

    PROTOBUF = "application/x-protobuf"
    JSON = "application/json"


class Signal(Enum):
    """The kinds of exports, by the last part of their paths."""

    METRICS = "metrics"
    TRACES = "traces"
    LOGS = "logs"


_REQUESTS: Final = {
    Signal.METRICS: _METRICS.ExportMetricsServiceRequest,
    Signal.TRACES: _TRACES.ExportTraceServiceRequest,
    Signal.LOGS: _LOGS.ExportLogsServiceRequest,
}
_RESPONSES: Final = {
    Signal.METRICS: (_METRICS.ExportMetricsServiceResponse, "rejected_data_points"),
    Signal.TRACES: (_TRACES.ExportTraceServiceResponse, "rejected_spans"),
    Signal.LOGS: (_LOGS.ExportLogsServiceResponse, "rejected_log_records"),
}


class NotReadable(MeteringError):
    """A body is not an export. Sending it again changes nothing."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class Refused(NamedTuple):
    """Items that an export had in vain."""

    number: int = 0
    reason: str = ""


def encoding_of(media_type: str | None) -> Encoding:
    """Return the encoding that a header names; NotReadable for another one."""
    named = (media_type or "").partition(";")[0].strip().lower()
    for encoding in Encoding:
        if encoding.value == named:
            return encoding
    known = " or ".join(one.value for one in Encoding)
    raise NotReadable(415, f"content-type must be {known}")


def unpacked(body: bytes, packing: str | None) -> bytes:
    """Return a body as it was before it was packed; NotReadable if it is too large or damaged."""
    named = (packing or "identity").strip().lower()
    if named == "identity":
        return body
    if named != "gzip":
        raise NotReadable(415, "content-encoding must be gzip or identity")
    reader = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        content = reader.decompress(body, MAX_BYTES)
    except zlib.error:
        raise NotReadable(400, "the body is not packed by gzip") from None
    if reader.unconsumed_tail:
        raise NotReadable(413, f"the body has more than {MAX_BYTES} bytes once it is unpacked")
    if not reader.eof:
        raise NotReadable(400, "the body ends before its gzip stream does")
    return content


def read_export(signal: Signal, content: bytes, encoding: Encoding) -> Any:
    """Return an export as the package's message. Raises NotReadable for any other body."""
    message: Message = _REQUESTS[signal]()
    try:
        if encoding is Encoding.PROTOBUF:
            message.ParseFromString(content)
        elif not content.lstrip().startswith(b"{"):
            raise NotReadable(400, f"the body is not an export of {signal.value}")
        else:
            json_format.Parse(
                content, message, ignore_unknown_fields=True, max_recursion_depth=_MAX_DEPTH
            )
    except (DecodeError, json_format.ParseError, UnicodeDecodeError, RecursionError):
        raise NotReadable(400, f"the body is not an export of {signal.value}") from None
    return message


def answer(signal: Signal, encoding: Encoding, refused: Refused) -> bytes:
    """Return the body of a success, with what was refused."""
    kind, field = _RESPONSES[signal]
    message = kind()
    if refused.number:
        setattr(message.partial_success, field, refused.number)
        message.partial_success.error_message = refused.reason
    if encoding is Encoding.PROTOBUF:
        return bytes(message.SerializeToString())
    return str(json_format.MessageToJson(message, indent=None)).encode()


def status(encoding: Encoding, reason: str) -> bytes:
    """Return the body of an error: a `google.rpc.Status` with its message, which is field 2."""
    if encoding is Encoding.JSON:
        return to_json({"message": reason})
    text = reason.encode()
    return _MESSAGE_FIELD + _varint(len(text)) + text


def _varint(number: int) -> bytes:
    """Return a number as protobuf writes it: seven bits a byte, the lowest first."""
    low, rest = number & _SEVEN_BITS, number >> _BITS
    return bytes((low | _MORE,)) + _varint(rest) if rest else bytes((low,))
