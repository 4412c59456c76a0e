"""The driver of the worker library: what it indexes, what functions see, how they fail."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from metering.core.basics.instants import parse_instant
from metering.local.functions.http_messages import HttpRequest
from metering.local.functions.metadata import RetryPolicy
from metering.local.functions.worker import FunctionsWorker, InvocationFailed, WorkerFailed
from metering.local.hubs.hub import HubEvent

pytestmark = pytest.mark.usefixtures("_own_imports")

_ENQUEUED = "2026-03-01T12:00:00.000250Z"

_REFUSED_APP = """
import azure.functions as func
app = func.FunctionApp()
@app.event_hub_message_trigger(
    arg_name="events", event_hub_name="h", connection="C", cardinality="many")
def ingest(events: list[func.EventHubEvent]) -> None: ...
"""


def _event(sequence: int, body: bytes = b"{}", key: str | None = "tenant") -> HubEvent:
    return HubEvent(body, key, sequence, str(1000 + sequence), parse_instant(_ENQUEUED))


def _write_app(folder: Path, source: str) -> Path:
    (folder / "function_app.py").write_text(source, encoding="utf-8")
    return folder


def test_bindings_are_those_the_app_declares(worker: FunctionsWorker) -> None:
    assert set(worker.functions) == {"ingest", "insist", "sweep", "at_start", "echo"}
    assert worker.functions["ingest"].bindings == (
        {
            "direction": "IN",
            "type": "eventHubTrigger",
            "name": "events",
            "connection": "EventHubConnection",
            "eventHubName": "%USAGE_HUB%",
            "cardinality": "MANY",
            "consumerGroup": "%USAGE_GROUP%",
        },
    )


def test_retry_policies_are_those_the_app_declares(worker: FunctionsWorker) -> None:
    assert worker.functions["ingest"].retry == RetryPolicy("fixed_delay", 2, delay_interval_s=1)
    assert worker.functions["insist"].retry == RetryPolicy(
        "exponential_backoff", -1, minimum_interval_s=2, maximum_interval_s=60
    )
    assert worker.functions["sweep"].retry is None


def test_back_off_grows_from_the_minimum_to_the_maximum(worker: FunctionsWorker) -> None:
    policy = worker.functions["insist"].retry
    assert policy is not None
    assert [policy.delay_s(n) for n in (0, 1, 2, 3, 4, 5, 1000)] == [2, 4, 6, 10, 18, 34, 60]


async def test_the_annotation_list_in_lower_case_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"ingest.*invalid non-type annotation list"):
        await FunctionsWorker.start(_write_app(tmp_path, _REFUSED_APP))


async def test_an_app_that_does_not_import_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match="No module named 'absent_module'") as caught:
        await FunctionsWorker.start(_write_app(tmp_path, "import absent_module"))
    assert "function_app.py" in caught.value.stack_trace


async def test_a_folder_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WorkerFailed, match=r"no function_app.py in"):
        await FunctionsWorker.start(tmp_path)


async def test_an_app_without_functions_is_refused(tmp_path: Path) -> None:
    source = "import azure.functions as func\napp = func.FunctionApp()\n"
    with pytest.raises(WorkerFailed, match="no function is defined"):
        await FunctionsWorker.start(_write_app(tmp_path, source))


async def test_an_app_under_another_file_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = _REFUSED_APP.replace("list[func.EventHubEvent]", "func.EventHubEvent")
    (_write_app(tmp_path, source) / "function_app.py").rename(tmp_path / "another.py")
    _write_app(tmp_path, "")
    monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", "another.py")
    with pytest.raises(WorkerFailed, match="PYTHON_SCRIPT_FILE_NAME"):
        await FunctionsWorker.start(tmp_path)


async def test_starting_another_app_retires_the_first(
    worker: FunctionsWorker, tmp_path: Path
) -> None:
    source = _REFUSED_APP.replace("list[func.EventHubEvent]", "func.EventHubEvent")
    other = await FunctionsWorker.start(_write_app(tmp_path, source))
    assert set(other.functions) == {"ingest"}
    with pytest.raises(WorkerFailed, match="retired"):
        await worker.invoke_event_hub("ingest", [_event(0)], "0")


async def test_each_event_arrives_with_its_own_properties(
    worker: FunctionsWorker, script: Any
) -> None:
    sent = [_event(7, b'{"a":1}', "acme"), _event(8, b"\xff\x00", None)]
    await worker.invoke_event_hub("ingest", sent, "3")
    (batch,) = script.batches
    assert batch.partition == "3"
    assert [
        (e.get_body(), e.partition_key, e.sequence_number, int(e.offset)) for e in batch.events
    ] == [(b'{"a":1}', "acme", 7, 1007), (b"\xff\x00", None, 8, 1008)]


async def test_the_enqueued_time_is_utc_without_a_zone_as_on_azure(
    worker: FunctionsWorker, script: Any
) -> None:
    await worker.invoke_event_hub("ingest", [_event(0)], "0")
    enqueued = script.batches[0].events[0].enqueued_time
    assert enqueued.tzinfo is None
    assert enqueued.replace(tzinfo=UTC) == datetime(2026, 3, 1, 12, 0, 0, 250, UTC)


async def test_the_metadata_of_a_batch_holds_an_array_for_each_property(
    worker: FunctionsWorker, script: Any
) -> None:
    await worker.invoke_event_hub("ingest", [_event(7), _event(8, key=None)], "3")
    metadata = dict(script.batches[0].events[0].metadata)
    times = ["2026-03-01T12:00:00.000250"] * 2
    system = metadata.pop("SystemPropertiesArray")
    assert [entry["PartitionKey"] for entry in system] == ["tenant", None]
    assert metadata == {
        "PartitionContext": {"PartitionId": "3"},
        "PartitionKeyArray": ["tenant"],
        "OffsetArray": ["1007", "1008"],
        "SequenceNumberArray": [7, 8],
        "EnqueuedTimeUtcArray": times,
        "PropertiesArray": [{}, {}],
    }


async def test_an_offset_that_is_no_number_fails_the_whole_batch(
    worker: FunctionsWorker, script: Any
) -> None:
    geo_replicated = HubEvent(b"{}", None, 1, "1:7:42", 0)
    with pytest.raises(InvocationFailed, match="invalid literal for int"):
        await worker.invoke_event_hub("ingest", [_event(0), geo_replicated], "0")
    assert script.batches == []


async def test_a_function_sees_how_often_it_was_retried(
    worker: FunctionsWorker, script: Any
) -> None:
    await worker.invoke_event_hub("ingest", [_event(0)], "0", retry_count=2)
    assert script.batches[0].retry_count == 2


async def test_an_async_function_runs_on_the_loop_of_its_caller(
    worker: FunctionsWorker, script: Any
) -> None:
    await worker.invoke_event_hub("ingest", [_event(0)], "0")
    assert script.batches[0].loop is asyncio.get_running_loop()


async def test_a_function_that_raises_fails_its_invocation_by_name(
    worker: FunctionsWorker, script: Any
) -> None:
    script.failures_left = 1
    with pytest.raises(InvocationFailed, match=r"^ingest: ValueError: told to fail$") as caught:
        await worker.invoke_event_hub("ingest", [_event(0)], "0")
    assert caught.value.function == "ingest"
    assert "in ingest" in caught.value.stack_trace


async def test_a_cancelled_invocation_cancels_the_function(
    worker: FunctionsWorker, script: Any
) -> None:
    script.gate.clear()
    invocation = asyncio.create_task(worker.invoke_event_hub("ingest", [_event(0)], "0"))
    await asyncio.sleep(0)
    invocation.cancel()
    with pytest.raises(asyncio.CancelledError):
        await invocation


async def test_a_function_the_app_lacks_is_named(worker: FunctionsWorker) -> None:
    with pytest.raises(WorkerFailed, match="no function absent"):
        await worker.invoke_timer("absent")


async def test_a_timer_learns_whether_it_is_late(worker: FunctionsWorker, script: Any) -> None:
    await worker.invoke_timer("sweep")
    await worker.invoke_timer("sweep", past_due=True)
    assert script.timer_runs == [False, True]


async def test_a_sync_function_runs_too(worker: FunctionsWorker, script: Any) -> None:
    await worker.invoke_timer("at_start")
    assert script.startup_runs == 1


async def test_an_http_function_is_given_a_request_and_gives_a_response(
    worker: FunctionsWorker,
) -> None:
    request = HttpRequest(
        method="POST",
        url="http://localhost/api/echo/acme?q=1",
        headers={"X-Tag": "t"},
        params={"name": "acme"},
        query={"q": "1"},
        body=b"body",
    )
    response = await worker.invoke_http("echo", request)
    assert (response.status, response.body) == (201, b"acme 1 t body")
    assert response.headers["X-Seen"] == "yes"
