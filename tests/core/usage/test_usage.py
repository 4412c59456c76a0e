"""Reading an event: what it says becomes usage, and what it cannot say gets a stable code."""

import json
from typing import Any

import pytest

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import DAY, MINUTE, format_instant
from metering.core.usage.buckets import NO_TOKENS, by_name
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage, is_billable
from metering.core.usage.usage_reader import UsageReader
from tests.builders import AT, NOW, body, event


def read(**changes: Any) -> Usage:
    return UsageReader().read(body(**changes), NOW)


def code_of(content: bytes) -> Code:
    with pytest.raises(RejectedEvent) as rejected:
        UsageReader().read(content, NOW)
    return rejected.value.code


def test_a_final_event_gives_its_counts_time_and_dimensions() -> None:
    usage = read(data__end_user="u", data__use_case="support", source="/APIM/Test")
    assert by_name(usage.buckets) == {"input": 1000, "output": 100}
    assert (usage.time, usage.arrival, usage.evidence) == (AT, NOW, Evidence.FULL)
    assert usage.key == ("llm.usage.v1", "/apim/test", "r-1")
    assert usage.end_user == "u"
    assert usage.dimensions.use_case == "support"


def test_the_digest_ignores_order_transport_and_fields_that_nobody_knows() -> None:
    plain = event()
    shuffled = {name: plain[name] for name in reversed(plain)}
    shuffled["datacontenttype"] = "application/json"
    shuffled["data"] = {**plain["data"], "shoe_size": 43, "duration_ms": 12.5}
    other = UsageReader().read(json.dumps(shuffled).encode(), NOW + MINUTE)
    assert other.digest == read().digest


@pytest.mark.parametrize(
    "changes",
    [
        {"time": "2026-11-20T11:45:00.000001Z"},
        {"subject": "sub-2"},
        {"data__model": "gpt-4o-mini"},
        {"data__end_user": "somebody"},
        {"data__status": 201},
        {"data__usage": {"prompt_tokens": 1000, "completion_tokens": 101}},
    ],
)
def test_the_digest_tells_other_content_apart(changes: dict[str, Any]) -> None:
    assert read(**changes).digest != read().digest


def test_equal_dimensions_are_one_object() -> None:
    reader = UsageReader()
    first, second = reader.read(body(), NOW), reader.read(body(id="r-2"), NOW)
    assert first.dimensions is second.dimensions


def test_the_table_of_dimensions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metering.core.usage.usage_reader._MAX_INTERNED", 2)
    reader = UsageReader()
    digests = [reader.read(body(subject=f"s-{n % 3}"), NOW).digest for n in range(6)]
    assert digests[:3] == digests[3:]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"nonsense", Code.NOT_JSON),
        (b"\xff\xfe", Code.NOT_JSON),
        (b'{"id": "' + b"x" * 199_992, Code.TRUNCATED),
        (b'{"id": "' + b"x" * 199_991, Code.NOT_JSON),
        (b" " * 1_048_577, Code.TOO_LARGE),
        (b"[]", Code.NOT_CLOUDEVENTS),
        (b"{}", Code.NOT_CLOUDEVENTS),
        (b'"text"', Code.NOT_CLOUDEVENTS),
        (body(specversion=...), Code.NOT_CLOUDEVENTS),
        (body(specversion=1), Code.NOT_CLOUDEVENTS),
        (body(specversion="0.3"), Code.UNKNOWN_SCHEMA_VERSION),
        (body(type=...), Code.NOT_CLOUDEVENTS),
        (body(type=7), Code.NOT_CLOUDEVENTS),
        (body(type="llm.usage.v2"), Code.UNKNOWN_SCHEMA_VERSION),
        (body(type="com.example.order"), Code.UNKNOWN_TYPE),
        (body(id=...), Code.MISSING_FIELD),
        (body(id=None), Code.MISSING_FIELD),
        (body(id=""), Code.MISSING_FIELD),
        (body(id=5), Code.INVALID_FIELD),
        (body(id="x" * 257), Code.ID_TOO_LONG),
        (body(source=...), Code.MISSING_FIELD),
        (body(subject=...), Code.MISSING_FIELD),
        (body(subject="x" * 257), Code.INVALID_FIELD),
        (body(data=...), Code.MISSING_FIELD),
        (body(data__status=...), Code.MISSING_FIELD),
        (body(data__status="200"), Code.INVALID_FIELD),
        (body(data__status=99), Code.INVALID_FIELD),
        (body(data__tokens="later"), Code.INVALID_FIELD),
        (body(data__service_tier=7), Code.INVALID_FIELD),
        (body(data__tool_calls={"web_search_call": -1}), Code.INVALID_FIELD),
        (body(time=...), Code.MISSING_FIELD),
        (body(time="yesterday"), Code.INVALID_FIELD),
        (body(time="2026-11-20T11:45:00"), Code.TIME_WITHOUT_ZONE),
        (body(data__usage=...), Code.USAGE_MISSING),
        (body(data__usage=None), Code.USAGE_MISSING),
        (body(data__tokens="pending"), Code.USAGE_UNEXPECTED),
        (body(data__tokens="absent"), Code.USAGE_UNEXPECTED),
        (body(data__usage={}), Code.USAGE_UNRECOGNISED),
        (body(data__usage="1100"), Code.USAGE_INVALID),
        (body(data__usage={"prompt_tokens": -1}), Code.USAGE_INVALID),
        (body(data__usage={"prompt_tokens": 1.5}), Code.USAGE_INVALID),
        (body(data__usage={"prompt_tokens": "10"}), Code.USAGE_INVALID),
        (body(data__usage={"prompt_tokens": True}), Code.USAGE_INVALID),
        (body(data__usage={"prompt_tokens": 1_000_000_001}), Code.USAGE_INVALID),
        (
            body(data__usage={"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": -1}}),
            Code.USAGE_INVALID,
        ),
        (body(data__usage={"prompt_tokens": 1, "total_tokens": 3}), Code.USAGE_INCONSISTENT),
    ],
)
def test_a_bad_event_gets_a_stable_code(content: bytes, code: Code) -> None:
    assert code_of(content) is code


def test_an_id_of_the_greatest_length_is_accepted() -> None:
    assert len(read(id="x" * 256).id) == 256


def test_the_reason_names_the_field_and_never_its_value() -> None:
    with pytest.raises(RejectedEvent) as rejected:
        read(data__usage={"prompt_tokens": "a secret"})
    assert "data.usage.prompt_tokens" in rejected.value.reason
    assert "secret" not in str(rejected.value)


@pytest.mark.parametrize(
    ("offset", "code"),
    [
        (-400 * DAY, None),
        (-400 * DAY - 1, Code.TOO_OLD),
        (5 * MINUTE, None),
        (5 * MINUTE + 1, Code.IN_FUTURE),
    ],
)
def test_times_are_accepted_from_400_days_ago_to_5_minutes_ahead(
    offset: int, code: Code | None
) -> None:
    content = body(time=format_instant(NOW + offset))
    if code is None:
        assert UsageReader().read(content, NOW).time == NOW + offset
    else:
        assert code_of(content) is code


@pytest.mark.parametrize(
    ("status", "counted", "billable"),
    [
        (200, False, True),
        (201, True, True),
        (299, False, True),
        (408, False, True),
        (400, True, True),
        (400, False, False),
        (401, True, False),
        (403, True, False),
        (404, True, False),
        (429, True, False),
        (500, True, True),
        (500, False, False),
        (503, False, False),
        (302, False, False),
    ],
)
def test_what_the_service_processed_is_billable(status: int, counted: bool, billable: bool) -> None:  # noqa: FBT001
    assert is_billable(status, counted=counted) is billable


def test_counts_of_a_request_that_was_refused_are_not_billed() -> None:
    usage = read(data__status=429)
    assert usage.buckets == NO_TOKENS
    assert usage.evidence is Evidence.FULL


@pytest.mark.parametrize("tokens", ["final", "pending", "absent"])
def test_a_refused_request_needs_no_counts(tokens: str) -> None:
    usage = read(data__status=429, data__tokens=tokens, data__usage=None)
    assert usage.evidence is Evidence.ABSENT


def test_an_event_without_counts_for_a_processed_request_is_absent() -> None:
    usage = read(data__tokens="absent", data__usage=None)
    assert (usage.evidence, usage.buckets) == (Evidence.ABSENT, NO_TOKENS)


def test_a_pending_event_holds_what_its_request_may_cost() -> None:
    hold = {"prompt_tokens_estimate": 300, "max_output_tokens": 2000}
    usage = read(data__tokens="pending", data__usage=None, data__hold=hold)
    assert usage.evidence is Evidence.HELD
    assert by_name(usage.buckets) == {"input": 300, "output": 2000}


def test_a_pending_event_without_an_estimate_holds_nothing() -> None:
    usage = read(data__tokens="pending", data__usage=None)
    assert (usage.evidence, usage.buckets) == (Evidence.HELD, NO_TOKENS)


@pytest.mark.parametrize(
    ("stated", "evidence"),
    [("totals", Evidence.TOTALS), ("recovered", Evidence.RECOVERED), ("full", Evidence.FULL)],
)
def test_an_event_may_say_how_well_its_counts_are_known(stated: str, evidence: Evidence) -> None:
    assert read(data__evidence=stated).evidence is evidence
