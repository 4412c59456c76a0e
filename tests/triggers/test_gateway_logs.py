"""`join_usage` through Microsoft's worker library: bodies of logs in, a counted stream out."""

import sqlite3

import pytest

from metering import bootstrap
from metering.core.basics.instants import MINUTE
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.local.functions.worker import FunctionsWorker, InvocationFailed
from metering.local.hubs.hub import HubEvent
from metering.settings.settings import SqliteStore
from metering.triggers import gateway_logs
from tests.builders import AT, NOW, body
from tests.gateway_logs import gateway_record, llm_record, log

PENDING = body(data__tokens="pending", data__usage=None)


def event(content: bytes, number: int = 0) -> HubEvent:
    return HubEvent(content, None, number, str(number * 100), NOW)


async def amount(app: bootstrap.App) -> str:
    return format_amount((await app.read.balance("sub-1", month_of(AT))).amount)


async def test_a_stream_and_its_log_are_counted_once_however_often_they_come(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    for retry in range(2):
        await worker.invoke_event_hub("join_usage", [event(log(llm_record()))], "3", retry)
        await worker.invoke_event_hub("ingest_usage", [event(PENDING)], "0", retry)
    assert await amount(app) == "0.0035"


async def test_a_bad_record_is_set_aside_with_its_place(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    await worker.invoke_event_hub("join_usage", [event(log(llm_record(None)), 7)], "3")
    (letter,) = await app.dead_letters.latest(10)
    assert (letter.hub, letter.partition, letter.sequence) == ("gateway-logs", "3", 7)


async def test_the_timer_recovers_what_no_policy_reported(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    both = log(llm_record(), gateway_record())
    await worker.invoke_event_hub("join_usage", [event(both)], "3")
    await worker.invoke_timer("expire_pending")
    assert await amount(app) == "0"
    await app.close()
    bootstrap.use(bootstrap.App(app.settings._replace(fixed_now=NOW + 16 * MINUTE)))
    await worker.invoke_timer("expire_pending")
    later = bootstrap.current()
    assert await amount(later) == "0.0035"
    await later.close()


async def test_an_invocation_raises_at_its_own_deadline(
    worker: FunctionsWorker, app: bootstrap.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker.invoke_event_hub("ingest_usage", [event(PENDING)], "0")
    monkeypatch.setattr(gateway_logs, "DEADLINE_S", 0.05)
    assert isinstance(app.settings.store, SqliteStore)
    other = sqlite3.connect(app.settings.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InvocationFailed, match="TimeoutError"):
        await worker.invoke_event_hub("join_usage", [event(log(llm_record()))], "3")
    other.close()
    await worker.invoke_event_hub("join_usage", [event(log(llm_record()))], "3", retry_count=1)
    assert await amount(app) == "0.0035"
