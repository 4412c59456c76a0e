"""What cannot be counted is set aside with a stable code, and its neighbours are counted."""

import json
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Event, EventBuilder, Line, Metering, Ran

_LISTED_CHARACTERS: Final = 2_000

type Change = Callable[[Event], Line]


def _with(**fields: object) -> "Change":
    return lambda event: {**event, **fields}


def _without(name: str) -> "Change":
    return lambda event: {field: value for field, value in event.items() if field != name}


def _data(**fields: object) -> "Change":
    return lambda event: {**event, "data": {**event["data"], **fields}}


def _usage(**counts: object) -> "Change":
    return lambda event: _data(usage={**event["data"]["usage"], **counts})(event)


def _cut_at_200_kb(event: "Event") -> bytes:
    return json.dumps({**event, "padding": "x" * 300_000}).encode()[:200_000]


_CASES: Final[dict[str, tuple[str, "Change"]]] = {
    "no JSON": ("not_json", lambda _: b"{this is no JSON"),
    "no UTF-8": ("not_json", lambda _: b'{"id": "\xff\xfe"}'),
    "half a surrogate": ("not_json", lambda _: b'{"id": "\\ud800"}'),
    "nested without end": ("not_json", lambda _: b"[" * 100_000),
    "cut at 200 KB": ("truncated", _cut_at_200_kb),
    "a JSON array": ("not_cloudevents", lambda event: json.dumps([event]).encode()),
    "a JSON number": ("not_cloudevents", lambda _: b"42"),
    "no specversion": ("not_cloudevents", _without("specversion")),
    "no type": ("not_cloudevents", _without("type")),
    "another type": ("unknown_type", _with(type="com.example.order.v1")),
    "a later schema": ("unknown_schema_version", _with(type="llm.usage.v2")),
    "another specversion": ("unknown_schema_version", _with(specversion="2.0")),
    "no id": ("missing_field", _without("id")),
    "an empty id": ("missing_field", _with(id="")),
    "no subject": ("missing_field", _without("subject")),
    "no data": ("missing_field", _without("data")),
    "an id of 257 characters": ("id_too_long", _with(id="x" * 257)),
    "401 days old": ("too_old", _with(time="2025-10-15T12:00:00Z")),
    "6 minutes ahead": ("in_future", _with(time="2026-11-20T12:06:00Z")),
    "a time without a zone": ("time_without_zone", _with(time="2026-11-20T11:30:00")),
    "no time at all": ("invalid_field", _with(time="half past eleven")),
    "a day that is none": ("invalid_field", _with(time="2026-02-30T11:30:00Z")),
    "a status in words": ("invalid_field", _data(status="OK")),
    "a negative count": ("usage_invalid", _usage(prompt_tokens=-1)),
    "a fractional count": ("usage_invalid", _usage(prompt_tokens=1000.5)),
    "a count with a decimal point": ("usage_invalid", _usage(prompt_tokens=1000.0)),
    "a count in a string": ("usage_invalid", _usage(prompt_tokens="1000")),
    "a count that is true": ("usage_invalid", _usage(prompt_tokens=True)),
    "a count beyond belief": ("usage_invalid", _usage(prompt_tokens=10**30)),
    "parts that miss the total": ("usage_inconsistent", _usage(total_tokens=1101)),
    "more cached than sent": (
        "usage_inconsistent",
        _usage(prompt_tokens_details={"cached_tokens": 1001}),
    ),
    "no usage though final": ("usage_missing", _data(usage=None)),
    "usage though pending": ("usage_unexpected", _data(tokens="pending")),
    "an unknown shape of usage": ("usage_unrecognised", _data(usage={"total": 1100})),
}


class _Answers(NamedTuple):
    """How one file with every case between good events was answered."""

    ran: "Ran"
    bodies: dict[str, bytes]
    letters: list[dict[str, Any]]


@pytest.fixture(scope="module")
def answers(
    tmp_path_factory: pytest.TempPathFactory,
    metering_in: "Callable[[Path], Metering]",
    event: "EventBuilder",
) -> _Answers:
    """Send every case in one batch, each after a good event."""
    metering = metering_in(tmp_path_factory.mktemp("bad-input"))
    bodies: dict[str, bytes] = {}
    lines: list[Line] = []
    for name, (_, change) in _CASES.items():
        bad = change(event(f"bad {name}"))
        bodies[name] = bad if isinstance(bad, bytes) else json.dumps(bad).encode()
        lines += [event(f"good {name}"), bodies[name]]
    return _Answers(metering.ingest(*lines), bodies, metering.dead_letters())


@pytest.mark.parametrize("name", _CASES)
def test_a_bad_body_is_set_aside_with_its_code(name: str, answers: _Answers) -> None:
    code, _ = _CASES[name]
    body = answers.bodies[name]

    shown = body.decode(errors="replace")[:_LISTED_CHARACTERS]
    kept = [letter for letter in answers.letters if letter["body"] == shown]
    assert [(letter["code"], letter["body_bytes"]) for letter in kept] == [(code, len(body))]


def test_the_rest_of_a_batch_with_every_bad_body_is_accepted(answers: _Answers) -> None:
    rejected = Counter(code for code, _ in _CASES.values())

    assert answers.ran.json == {
        "accepted": len(_CASES),
        "duplicates": 0,
        "rejected": dict(rejected),
    }
    assert (answers.ran.code, answers.ran.stderr) == (1, "")


@pytest.mark.parametrize("name", ["no JSON", "a negative count"])
def test_one_bad_body_is_enough_for_exit_status_1(
    name: str, answers: _Answers, metering: "Metering", event: "EventBuilder"
) -> None:
    code, _ = _CASES[name]

    ran = metering.ingest(event("before"), answers.bodies[name], event("after"))

    assert (ran.code, ran.stderr) == (1, "")
    assert ran.json == {"accepted": 2, "duplicates": 0, "rejected": {code: 1}}


def test_a_body_over_one_megabyte_is_set_aside_with_its_beginning(
    metering: "Metering", event: "EventBuilder"
) -> None:
    large = json.dumps({**event("large"), "padding": "x" * 1_200_000}).encode()

    ran = metering.ingest(large, event("small"))

    assert ran.code == 1
    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {"too_large": 1}}
    [letter] = metering.dead_letters()
    assert letter["code"] == "too_large"
    assert letter["body"] == large.decode()[:_LISTED_CHARACTERS]
    assert letter["body_bytes"] > 1_048_576


def test_an_unknown_subscription_is_set_aside_where_the_setting_says_reject(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.run("tenants", "set", "acme", "--subscription", "acme")

    ran = metering.ingest(
        event("theirs", subject="stranger"),
        event("ours"),
        settings={"METERING_UNKNOWN_SUBSCRIPTION": "reject"},
    )

    assert ran.code == 1
    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {"unknown_subscription": 1}}
    [letter] = metering.dead_letters()
    assert json.loads(letter["body"])["subject"] == "stranger"
    assert metering.run("balance", "stranger").code == 1


def test_the_same_id_with_other_content_is_set_aside_and_the_first_stays(
    metering: "Metering", event: "EventBuilder"
) -> None:
    metering.ingest(event("r-1"))
    cheaper = event("r-1", data={"usage": {"prompt_tokens": 10, "completion_tokens": 1}})

    ran = metering.ingest(cheaper, event("r-2"))

    assert ran.code == 1
    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {"id_conflict": 1}}
    [letter] = metering.dead_letters()
    assert (letter["code"], json.loads(letter["body"])) == ("id_conflict", cheaper)
    # r-1 and r-2 at 0.0035 each.
    assert metering.balance("acme")["amount"] == "0.007"


def test_an_unknown_model_is_counted_as_unpriced_and_never_refused(
    metering: "Metering", event: "EventBuilder"
) -> None:
    ran = metering.ingest(event("r-1", data={"model": "a-model-of-next-year"}))

    assert ran.code == 0
    assert ran.json == {"accepted": 1, "duplicates": 0, "rejected": {}}
    balance = metering.balance("acme")
    assert (balance["amount"], balance["unpriced"], balance["requests"]) == ("0", 1, 1)
    assert balance["tokens"] == {"input": 1000, "output": 100}


def test_the_tally_for_people_names_each_code(metering: "Metering", event: "EventBuilder") -> None:
    file = metering.write([event("r-1"), event("r-1"), b"no JSON", event("r-2", time="now")])

    ran = metering.run("ingest", file)

    assert ran.code == 1
    rows = [line.strip("│ ").split("│") for line in ran.stdout.splitlines() if "│" in line]
    assert {name.strip(): count.strip() for name, count in rows} == {
        "accepted": "1",
        "duplicates": "1",
        "rejected: invalid_field": "1",
        "rejected: not_json": "1",
    }


def test_blank_lines_and_windows_line_ends_are_no_events(
    metering: "Metering", event: "EventBuilder"
) -> None:
    line = json.dumps(event("r-1")).encode()

    ran = metering.ingest(b"", line + b"\r", b"  ", b"\r")

    assert (ran.code, ran.json) == (0, {"accepted": 1, "duplicates": 0, "rejected": {}})
