"""The gateway's logs: late, several records an event, spread over partitions, rows by number."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from metering.app.hubs.batch import LOGS_HUB
from metering.local.gateway.gate import Pace
from metering.local.gateway.log_pipe import LogPipe
from metering.local.gateway.log_records import GATEWAY, LLM
from metering.local.hubs.hub import EmbeddedHub
from tests.local.gateway.bench import MESSAGES, PACE, Bench


async def ask(bench: Bench, times: int) -> None:
    client = await bench.openai()
    for _ in range(times):
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES, max_tokens=10)


async def test_every_request_has_a_record_of_each_kind_under_its_id(bench: Bench) -> None:
    await ask(bench, 3)
    ids = {event["id"] for event in bench.events()}
    for category in ("GatewayLlmLogs", "GatewayLogs"):
        assert {record["id"] for record in bench.logged(category)} == ids


async def test_events_carry_several_records_and_go_to_several_partitions(bench: Bench) -> None:
    await ask(bench, 20)
    events = bench.log_events()
    # 20 of each kind, at most eight an event
    assert Counter(map(len, events)) == {8: 4, 4: 2}
    assert all(len({record["category"] for record in records}) == 1 for records in events)
    hub = bench.system.hub
    partitions = range(hub.partition_count(LOGS_HUB))
    received = [hub.receive(LOGS_HUB, partition, None, 10) for partition in partitions]
    assert all(event.partition_key is None for events in received for event in events)
    assert sum(bool(events) for events in received) > 1


async def test_a_record_of_the_gateway_says_who_what_and_how(bench: Bench) -> None:
    await ask(bench, 1)
    (record,) = bench.logged("GatewayLogs")
    expected = {
        "method": "POST",
        "responseCode": 200,
        "backendResponseCode": 200,
        "apimSubscriptionId": "contoso-prod",
        "productId": "llm",
        "apiId": "azure-openai",
        "operationId": "ChatCompletions_Create",
    }
    assert expected.items() <= record.items()
    assert "lastError" not in record
    assert record["responseSize"] > 0


async def test_an_application_without_a_subscription_is_not_named(bench: Bench) -> None:
    client = await bench.openai("app:7d1c6a0e-tailspin")
    await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    (record,) = bench.logged("GatewayLogs")
    assert "apimSubscriptionId" not in record


async def test_a_large_prompt_is_logged_in_pieces_without_its_text(bench: Bench) -> None:
    client = await bench.openai()
    text = "secret" * 12_000
    await client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": text}], max_tokens=10
    )
    rows = bench.logged("GatewayLlmLogs")
    # 72,000 characters and the JSON around them: three pieces of 32 KB
    assert sorted(row["sequenceNumber"] for row in rows) == [0, 1, 1, 1, 2]
    assert [row["promptTokens"] for row in rows if "promptTokens" in row] == [18_007]
    assert "secret" not in str(rows)


async def test_anthropics_prompt_is_logged_without_what_was_cached(bench: Bench) -> None:
    client = await bench.anthropic()
    for text in ("a" * 1_600, "b" * 1_600):
        await client.messages.create(
            model="claude-sonnet",
            max_tokens=10,
            system=[{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}],
            messages=[{"role": "user", "content": "four"}],
        )
    rows = bench.logged("GatewayLlmLogs")
    # 1 + 4 + 3 beside the 400 that the cache takes or has; what it takes is in no field
    counted = sorted((row["promptTokens"], row["promptCachedTokens"]) for row in rows)
    assert counted == [(8, 0), (8, 400)]


async def test_a_failed_request_is_logged_without_tokens(bench: Bench) -> None:
    client = await bench.openai(default_headers={"x-simulate-status": "500"})
    with pytest.raises(Exception, match="500"):
        await client.chat.completions.create(model="gpt-4o", messages=MESSAGES)
    (row,) = bench.logged("GatewayLlmLogs")
    assert (row["modelName"], row["totalTokens"]) == ("gpt-4o-2024-11-20", 0)
    (record,) = bench.logged("GatewayLogs")
    assert record["lastError"]["reason"] == "BackendError"


@pytest.mark.parametrize("pace", [PACE._replace(log_delay_s=0.01)])
async def test_logs_come_by_themselves_when_their_time_has_come(bench: Bench, pace: Pace) -> None:
    assert pace.log_delay_s == 0.01
    await ask(bench, 1)
    hub = bench.system.hub
    count = hub.partition_count(LOGS_HUB)
    await bench.until(lambda: any(hub.receive(LOGS_HUB, n, None, 1) for n in range(count)))


async def test_logs_that_nobody_reads_are_dropped(tmp_path: Path) -> None:
    hub = EmbeddedHub(tmp_path / "hub.db", lambda: 0)
    pipe = LogPipe(hub, 0)
    pipe.put("r-1", [{"category": GATEWAY}])
    pipe.flush()
    hub.declare(LOGS_HUB, 1)
    pipe.flush()
    assert hub.receive(LOGS_HUB, 0, None, 10) == []
    hub.close()


async def test_more_logs_than_fit_go_out_before_their_time(tmp_path: Path) -> None:
    hub = EmbeddedHub(tmp_path / "hub.db", lambda: 0)
    hub.declare(LOGS_HUB, 1)
    pipe = LogPipe(hub, 3_600)
    pipe.put("r-1", [{"category": GATEWAY}] * 20_008)
    (event,) = hub.receive(LOGS_HUB, 0, None, 10)
    assert event.body.count(b"category") == 8
    hub.close()


def sent(hub: EmbeddedHub) -> list[str]:
    partitions = range(hub.partition_count(LOGS_HUB))
    events = [one for part in partitions for one in hub.receive(LOGS_HUB, part, None, 100)]
    return sorted(record["n"] for one in events for record in json.loads(one.body)["records"])


async def test_what_a_killed_process_had_not_sent_the_next_one_sends(tmp_path: Path) -> None:
    hub = EmbeddedHub(tmp_path / "hub.db", lambda: 0)
    hub.declare(LOGS_HUB)
    killed = LogPipe(hub, 3_600)
    for name in ("goes on", "ended"):
        killed.begin(name, [{"category": LLM, "n": f"{name}, so far"}])
    killed.put("ended", [{"category": LLM, "n": "ended"}, {"category": GATEWAY, "n": "ended"}])
    again = EmbeddedHub(tmp_path / "hub.db", lambda: 0)
    again.declare(LOGS_HUB)
    LogPipe(again, 3_600).flush()
    again.close()
    assert sent(hub) == ["ended", "ended", "goes on, so far"]
    LogPipe(hub, 0).flush()
    assert len(sent(hub)) == 3
    hub.close()


def test_what_another_process_still_works_on_is_left_to_it(tmp_path: Path) -> None:
    hub = EmbeddedHub(tmp_path / "hub.db", lambda: 0)
    hub.declare(LOGS_HUB)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        LogPipe(hub, 0).begin("r-1", [{"category": LLM, "n": "1"}])
        with hub.file.writing() as db:
            db.execute("UPDATE gateway_logs SET owner = ?", (other.pid,))
        LogPipe(hub, 0).flush()
        assert sent(hub) == []
        other.kill()
    LogPipe(hub, 0).flush()
    assert sent(hub) == ["1"]
    hub.close()


async def test_a_stream_is_kept_before_its_event_is_sent(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed right after the event, the next process sends a row with the tokens of the prompt."""
    send = bench.system.hub.send

    def kept(hub: str, events: Any) -> None:
        if hub != LOGS_HUB:
            rows = bench.system.hub.file.rows("SELECT records FROM gateway_logs")
            (records,) = [json.loads(row) for (row,) in rows]
            assert records[0]["properties"]["promptTokens"] > 0
            assert records[0]["properties"]["completionTokens"] == 0
            seen.append(hub)
        send(hub, events)

    seen: list[str] = []
    monkeypatch.setattr(bench.system.hub, "send", kept)
    client = await bench.openai()
    stream = await client.chat.completions.create(
        model="gpt-4o", messages=MESSAGES, max_tokens=10, stream=True
    )
    assert [piece async for piece in stream]
    assert seen == ["usage"]
