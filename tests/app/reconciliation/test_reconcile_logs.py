"""The gateway's own logs beside the ledgers: requests, tokens, and what the ledgers lack."""

import json
from typing import Any

import pytest

from metering.app.hubs.batch import Message
from metering.app.ledger.one_by_one import OneByOne
from metering.app.reconciliation.reconcile_logs import ReconcileLogs
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE, parse_instant
from metering.core.reconciliation import log_comparison
from metering.core.reconciliation.log_comparison import Absent, LogReport
from tests.builders import body, meter_event, outcome_event
from tests.gateway_logs import gateway_record, llm_record, log, take_in

type System = Any
START = parse_instant("2026-11-20T00:00:00Z")


async def ingest(system: System, *bodies: bytes) -> None:
    tally = await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])
    assert not tally.rejected


async def compare(system: System, *bodies: bytes, **span: int) -> LogReport:
    use_case = ReconcileLogs(
        ledgers=system.store, register=system.register, tenancy=system.tenancy, clock=system.clock
    )
    return await use_case.compare("logs.jsonl", bodies, OneByOne(), **span)


def stream(id_: str) -> bytes:
    held = {"prompt_tokens": 500, "completion_tokens": 50}
    return body(id=id_, data__tokens="pending", data__usage=..., data__hold=held)


async def test_a_request_on_both_sides_is_the_same(system: System) -> None:
    await ingest(system, body(), body(id="r-2", data__deployment="GPT-4o"))
    # Rows of one request are parts of a whole, and message chunks no requests.
    records = llm_record(), llm_record("r-2"), llm_record(sequenceNumber=1), gateway_record()
    found = await compare(system, log(*records), log(llm_record()))
    assert found.lines == (("2026-11-20", "gpt-4o", 2, 2200, 2, 2200, 0),)
    assert (found.named, found.refused, found.remains) == ((), 0, False)


async def test_other_counts_are_told(system: System) -> None:
    await ingest(system, body())
    found = await compare(system, log(llm_record(promptTokens=900, totalTokens=1000)))
    assert found.lines == (("2026-11-20", "gpt-4o", 1, 1100, 1, 1000, 1),)
    assert found.remains


async def test_what_a_log_never_counts_is_no_difference(system: System) -> None:
    usage = {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 20,
    }
    await ingest(system, body(data__model="claude-x", data__usage=usage))
    row = llm_record(
        modelName="claude-x",
        promptTokens=10,
        completionTokens=5,
        totalTokens=15,
        promptCachedTokens=20,
    )
    found = await compare(system, log(row))
    assert (found.lines[0].differing, found.remains) == (0, False)


async def test_an_outcome_under_the_id_of_a_request_is_not_that_request(system: System) -> None:
    await ingest(system, json.dumps(outcome_event(id="r-1")).encode())
    found = await compare(system, log(llm_record()))
    assert found.lines == (("2026-11-20", "gpt-4o", 0, 0, 1, 1100, 0),)
    assert [one.id for one in found.named] == ["r-1"]


async def test_a_request_is_counted_on_the_day_that_the_ledger_has(system: System) -> None:
    await ingest(system, body(time="2026-11-19T23:59:59Z"))
    row = llm_record() | {"time": "2026-11-20T00:00:03Z"}
    found = await compare(system, log(row))
    assert found.lines == (("2026-11-19", "gpt-4o", 1, 1100, 1, 1100, 0),)


async def test_only_what_logs_have_is_compared_with_corrections(system: System) -> None:
    await ingest(system, body(data__evidence="totals"), json.dumps(meter_event()).encode())
    better = {"prompt_tokens": 1000, "completion_tokens": 200, "total_tokens": 1200}
    await ingest(system, body(data__usage=better), body(id="r-2", data__deployment=...))
    found = await compare(system, log(llm_record(completionTokens=200, totalTokens=1200)))
    assert found.lines == (
        ("2026-11-20", None, 1, 1100, 0, 0, 0),
        ("2026-11-20", "gpt-4o", 1, 1200, 1, 1200, 0),
    )
    # The ledger may have requests of gateways whose logs these are not.
    assert not found.remains


async def test_what_the_ledgers_lack_is_named_with_its_reason(system: System) -> None:
    await ingest(
        system,
        stream("held"),
        body(id="missing", data__tokens="absent", data__usage=...),
    )
    await take_in(system.join, log(llm_record("unclaimed")))
    await take_in(system.join, log(llm_record("recovered"), gateway_record("recovered")))
    ids = ["held", "missing", "unclaimed", "recovered", "unknown"]
    system.clock.set(system.clock.now() + DAY)
    young = llm_record("young") | {"time": "2026-11-21T11:59:00Z"}

    found = await compare(system, log(*map(llm_record, ids)), log(young))

    assert {one.id: one.why for one in found.named} == {
        "held": Absent.PENDING,
        "missing": Absent.MISSING,
        "unclaimed": Absent.UNCLAIMED,
        "recovered": Absent.LATE,
        "unknown": Absent.UNKNOWN,
        "young": Absent.LATE,
    }
    assert found.absent[Absent.LATE] == 2
    assert found.remains
    passing = await compare(system, log(llm_record("held"), llm_record("recovered")), log(young))
    assert not passing.remains


async def test_records_that_cannot_be_used_are_counted(system: System) -> None:
    impossible = llm_record("r-3", promptTokens=5, completionTokens=None, totalTokens=1)
    found = await compare(system, b"no json", log(llm_record(), impossible))
    assert (found.refused, found.remains) == (2, True)


async def test_a_row_without_a_time_or_a_deployment_is_looked_for_all_the_same(
    system: System,
) -> None:
    await ingest(system, body())
    bare = llm_record("r-9", deploymentName=...)
    del bare["time"]
    found = await compare(system, log(bare, llm_record()))
    assert found.lines[0] == ("", None, 0, 0, 1, 1100, 0)
    assert found.named == (("r-9", "", None, 1100, Absent.UNKNOWN),)


async def test_days_can_be_chosen(system: System) -> None:
    await ingest(
        system,
        body(),
        body(id="r-2", time="2026-10-20T11:45:00Z"),
        body(id="r-3", time="2026-11-19T11:45:00Z"),
    )
    early = llm_record("r-2") | {"time": "2026-10-20T11:45:00Z"}
    found = await compare(system, log(early, llm_record()), start=START, end=START + DAY)
    assert [line.day for line in found.lines] == ["2026-11-20"]
    with pytest.raises(ConfigurationError, match="logs.jsonl: no request with counts"):
        await compare(system, log(llm_record()), start=START - DAY, end=START)


async def test_what_is_remembered_and_named_has_a_bound(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_comparison, "MAX_REQUESTS", 3)
    monkeypatch.setattr(log_comparison, "MAX_NAMED", 2)
    system.clock.set(system.clock.now() + 60 * MINUTE)
    rows = [llm_record(f"u-{number}") for number in range(4)]
    found = await compare(system, log(*rows[:3]))
    assert (len(found.named), found.absent[Absent.UNKNOWN]) == (2, 3)
    with pytest.raises(ConfigurationError, match="compare fewer at a time"):
        await compare(system, log(*rows))
