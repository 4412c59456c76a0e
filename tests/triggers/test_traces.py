"""Traces and log records: from a batch to its commit and what was told of it, and no secret."""

import json
import logging
from typing import Any, Final

import azure.functions as func
import pytest
from azure.functions.meta import Datum
from azure_functions_runtime.otel import otel_manager  # type: ignore[import-untyped]

from metering.local.functions import messages
from metering.local.functions.worker import FunctionsWorker, InvocationFailed
from metering.local.system import app_dir
from metering.triggers.observed import MAX_LINKS, causes_of, observed_batch
from tests.builders import body
from tests.gateway_logs import llm_record, log
from tests.triggers.watching import World

TRACE: Final = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET: Final = "sk-a-key-that-nobody-may-see"


async def test_a_trace_leads_from_the_batch_to_the_commit_and_its_effect(world: World) -> None:
    unpriced = body(data__model="mystery", data__deployment=...)
    await world.ingest(unpriced)
    (batch,), (commit,), (effect,) = map(world.spans, ("ingest_usage", "commit", "deliver_effect"))
    assert batch.attributes == {
        "partition": "2",
        "first_sequence": 5,
        "last_sequence": 5,
        "events": 1,
    }
    for span in (commit, effect):
        assert span.parent is not None
        assert span.parent.span_id == batch.context.span_id
    assert commit.attributes is not None
    assert effect.attributes is not None
    ledger = "sub-1|2026-11-01T00:00:00Z"
    assert (commit.attributes["ledger"], commit.attributes["page"]) == (ledger, 1)
    assert effect.attributes["effect"] == f"{ledger}/effect-00000001-0"
    assert (effect.attributes["ledger"], effect.attributes["page"]) == (ledger, 1)


async def test_the_records_of_a_commit_and_its_effect_name_the_same_page(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "metering")
    await world.ingest(body(data__model="mystery", data__deployment=...))
    told = [record for record in caplog.records if record.name.startswith("metering")]
    assert [(vars(one)["ledger"], vars(one)["page"]) for one in told] == [
        ("sub-1|2026-11-01T00:00:00Z", 1)
    ] * 2


async def test_a_body_is_in_no_record_span_or_label(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await world.ingest(
        SECRET.encode(),
        body(id="r-2", prompt=SECRET, data__messages=[SECRET], data__api_key=SECRET),
        body(id="r-3", data__usage={"prompt_tokens": SECRET}),
        body(id="r-4", time=SECRET),
    )
    await world.ingest(log(llm_record("r-5", requestMessages=SECRET)), function="join_usage")
    with pytest.raises(InvocationFailed):
        await world.ingest(*(body(id=f"{n}", type=SECRET, data={"x": SECRET}) for n in range(30)))
    spans = [span.to_json() for span in world.finished.get_finished_spans()]
    records = [f"{record.getMessage()} {vars(record)}" for record in caplog.records]
    assert spans
    assert records
    assert not [one for one in (*spans, *records, *world.figures()) if SECRET in one]


def batch_of(properties: list[object]) -> list[func.EventHubEvent]:
    """Return a batch as the host makes it: the first event knows the properties of all."""
    metadata = {"PropertiesArray": Datum(json.dumps(properties), "json")}
    return [func.EventHubEvent(body=b"{}", trigger_metadata=metadata)]


async def test_a_batch_is_linked_to_the_traces_that_its_producers_sent(world: World) -> None:
    other = TRACE.replace("0af7", "0af8")
    sent: list[object] = [{"Diagnostic-Id": TRACE}, {}, {"traceparent": other}, {"traceparent": 7}]
    broken: list[object] = [{"traceparent": "no-trace"}, "no properties", {"Diagnostic-Id": TRACE}]
    with observed_batch(world.app, "ingest_usage", batch_of([*sent, *broken])):
        pass
    (batch,) = world.spans("ingest_usage")
    traces = [f"{link.context.trace_id:032x}" for link in batch.links]
    assert traces == [TRACE.split("-")[1], other.split("-")[1]]


def test_a_batch_has_a_bounded_number_of_links() -> None:
    sent: list[object] = [{"traceparent": f"00-{n:032x}-{n:016x}-01"} for n in range(1, 1000)]
    assert len(causes_of(batch_of(sent))) == MAX_LINKS
    assert causes_of([func.EventHubEvent(body=b"{}")]) == []


async def test_the_hosts_trace_is_the_parent_where_the_worker_is_told_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = messages.invocation

    def with_trace(**parts: Any) -> Any:
        request = made(**parts)
        request.request.invocation_request.trace_context.trace_parent = TRACE
        return request

    monkeypatch.setattr(messages, "invocation", with_trace)
    monkeypatch.setenv("PYTHON_ENABLE_OPENTELEMETRY", "true")
    worker = await FunctionsWorker.start(app_dir())
    try:
        await world._replace(worker=worker).ingest(body())
    finally:
        otel_manager.set_otel_libs_available(False)
    (batch,) = world.spans("ingest_usage")
    assert f"{batch.context.trace_id:032x}" == TRACE.split("-")[1]
