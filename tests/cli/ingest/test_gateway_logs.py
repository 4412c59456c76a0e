"""`metering ingest --hub gateway-logs` and `metering pending`: streams on one machine."""

import json
from typing import TYPE_CHECKING

from tests.gateway_logs import gateway_record, llm_record, log

if TYPE_CHECKING:
    from tests.cli.conftest import EventBuilder, Line, Metering, Ran


def _logs(metering: "Metering", *lines: "Line", settings: dict[str, str] | None = None) -> "Ran":
    file = metering.write(lines)
    return metering.run("ingest", file, "--hub", "gateway-logs", "--json", settings=settings)


def test_a_stream_and_its_log_in_either_order_are_one_counted_request(
    metering: "Metering", event: "EventBuilder"
) -> None:
    streams = [event(f"r-{n}", data={"tokens": "pending", "usage": None}) for n in range(2)]
    metering.ingest(streams[0])
    probe = llm_record(None, promptTokens=0, completionTokens=0, totalTokens=0)
    ran = _logs(metering, log(llm_record("r-0"), llm_record("r-1"), probe))
    assert (ran.code, ran.json) == (
        0,
        {"accepted": 2, "duplicates": 0, "rejected": {}, "ignored": 1},
    )
    assert metering.run("pending", "--json").json == {
        "waiting": 0,
        "missing": 0,
        "unclaimed": 0,
        "recovering": 1,
    }
    metering.ingest(streams[1])
    balance = metering.balance("acme")
    # 2 x 0.0035
    assert (balance["requests"], balance["amount"]) == (2, "0.007")
    assert balance["pending"]["requests"] == 0
    assert balance["totals_only"] == 2
    assert "2 requests counted from logs" in metering.run("balance", "acme").stdout
    assert metering.verify()[0] == 0


def test_with_logs_only_usage_is_counted_without_any_event(metering: "Metering") -> None:
    settings = {"METERING_RECOVERY_DELAY": "0"}
    both = log(llm_record(), gateway_record(apimSubscriptionId="acme"))
    _logs(metering, both, both, settings=settings)
    assert metering.balance("acme")["amount"] == "0.0035"


def test_a_record_that_cannot_be_used_is_set_aside_without_messages_and_can_be_replayed(
    metering: "Metering",
) -> None:
    ran = _logs(metering, log(llm_record(None, requestMessages="my secret")), b"my secret")
    assert (ran.code, ran.json["rejected"]) == (1, {"missing_field": 1, "not_json": 1})
    letters = metering.dead_letters()
    assert {letter["hub"] for letter in letters} == {"gateway-logs"}
    for letter in letters:
        assert "secret" not in metering.run("dead-letters", "show", letter["id"]).stdout
    assert b"secret" not in metering.store.read_bytes()
    again = metering.run("dead-letters", "replay", "--all", "--json")
    assert again.json["rejected"] == {"missing_field": 1, "not_json": 1}
    assert len(metering.dead_letters()) == 2


def test_pending_is_a_table_for_people(metering: "Metering", event: "EventBuilder") -> None:
    metering.ingest(event(data={"tokens": "pending", "usage": None}))
    assert "streams waiting for their token counts" in metering.run("pending").stdout


def test_another_hub_is_a_usage_error(metering: "Metering") -> None:
    ran = metering.run("ingest", metering.write([json.dumps({}).encode()]), "--hub", "logs")
    assert ran.code == 2
    assert "use usage or gateway-logs" in " ".join(ran.stderr.split())


def test_eight_processes_that_join_the_same_halves_at_once_count_each_stream_once(
    metering: "Metering", event: "EventBuilder"
) -> None:
    names = [f"r-{number}" for number in range(60)]
    identities = [event(name, data={"tokens": "pending", "usage": None}) for name in names]
    logs = [log(*map(llm_record, names[first : first + 7])) for first in range(0, 60, 7)]
    files: list[tuple[str, list[Line]]]
    files = [("usage", [*identities]), ("gateway-logs", [*logs])]
    children = [
        metering.start("ingest", metering.write(lines), "--hub", hub, "--json")
        for hub, lines in files * 4
    ]
    for child in children:
        with child:
            _, errors = child.communicate()
            assert (child.returncode, errors) == (0, b"")
    # 60 x 0.0035
    balance = metering.balance("acme")
    assert (balance["requests"], balance["amount"]) == (60, "0.21")
    assert (metering.verify()[0], metering.dead_letters()) == (0, [])


def test_records_around_a_broken_one_count_and_the_letter_says_where_it_was(
    metering: "Metering",
) -> None:
    settings = {"METERING_RECOVERY_DELAY": "0"}
    record = gateway_record(apimSubscriptionId="acme")
    diagnostics = {
        "Category": "GatewayLlmLogs",
        "correlationId_g": "r-1",
        "modelName_s": "gpt-4o",
        "promptTokens_d": 1000.0,
        "completionTokens_d": 100.0,
    }
    broken = log(diagnostics, "?", record).replace(b'"?"', b'{"a": my secret}')
    ran = _logs(metering, b"\xef\xbb\xbf" + broken, settings=settings)
    assert ran.json["rejected"] == {"not_json": 1}
    # 1,000 x 2.5 and 100 x 10 USD a million tokens
    assert metering.balance("acme")["amount"] == "0.0035"
    (letter,) = metering.dead_letters()
    place = broken.index(b'{"a"')
    assert letter["reason"] == f"records[1] at byte {place}: is not JSON"
    assert b"secret" not in metering.store.read_bytes()
