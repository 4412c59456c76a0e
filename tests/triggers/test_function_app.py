"""The function app as Microsoft's worker library sees it: its bindings, and batches through it."""

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from metering import bootstrap
from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import month_of
from metering.core.usage.evidence import Evidence
from metering.local.functions.worker import FunctionsWorker, InvocationFailed
from metering.local.hubs.hub import HubEvent
from metering.local.system import app_dir
from metering.settings.exports import ExportsFolder
from metering.settings.settings import SqliteStore
from metering.triggers import timers, usage
from tests.builders import AT, NOW, body


def store_path(app: bootstrap.App) -> Path:
    assert isinstance(app.settings.store, SqliteStore)
    return app.settings.store.path


def event(content: bytes, number: int = 0) -> HubEvent:
    return HubEvent(content, "sub-1", number, str(number * 100), NOW)


def timer(schedule: str) -> dict[str, str]:
    return {"direction": "IN", "type": "timerTrigger", "name": "timer", "schedule": schedule}


async def test_the_worker_library_indexes_every_function_with_its_bindings(
    worker: FunctionsWorker,
) -> None:
    bound = {name: list(found.bindings) for name, found in worker.functions.items()}
    # What answers HTTP is in test_admission.py.
    bound.pop("api")
    assert bound == {
        "ingest_usage": [
            {
                "direction": "IN",
                "type": "eventHubTrigger",
                "name": "events",
                "eventHubName": "%USAGE_HUB%",
                "connection": "UsageHub",
                "cardinality": "MANY",
                "consumerGroup": "%USAGE_CONSUMER_GROUP%",
            }
        ],
        "join_usage": [
            {
                "direction": "IN",
                "type": "eventHubTrigger",
                "name": "events",
                "eventHubName": "%GATEWAY_LOGS_HUB%",
                "connection": "GatewayLogsHub",
                "cardinality": "MANY",
                "consumerGroup": "%GATEWAY_LOGS_CONSUMER_GROUP%",
            }
        ],
        "expire_pending": [timer("0 */5 * * * *")],
        "price_unpriced": [timer("30 */5 * * * *")],
        "write_anchors": [timer("35 20 0 * * *")],
        "deliver_effects": [timer("*/30 * * * * *")],
        "deliver_exports": [timer("45 */15 * * * *")],
        "roll_up": [timer("0 * * * * *")],
        "accrue_cost": [timer("5 */15 * * * *")],
        "enforce_quotas": [timer("15 * * * * *")],
        "close_periods": [timer("20 */5 * * * *")],
        "take_stock": [timer("45 */5 * * * *")],
        "send_digests": [timer("25 10 6 * * *")],
        "propose_prices": [timer("10 40 5 * * *")],
        "watch_hubs": [timer("50 * * * * *")],
    }


@pytest.mark.parametrize("function", ["ingest_usage", "join_usage"])
async def test_a_batch_is_retried_for_ever(worker: FunctionsWorker, function: str) -> None:
    retry = worker.functions[function].retry
    assert retry is not None
    assert (retry.max_retry_count, retry.minimum_interval_s, retry.maximum_interval_s) == (
        -1,
        1,
        60,
    )


async def test_a_batch_through_the_worker_library_is_counted(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    batch = [event(body(id=f"r-{n}"), n) for n in range(3)]
    await worker.invoke_event_hub("ingest_usage", batch, "2")
    await worker.invoke_event_hub("ingest_usage", batch, "2", retry_count=1)
    balance = await app.read.balance("sub-1", month_of(AT))
    # three requests of 1,000 x 2.5 + 100 x 10 per million
    assert format_amount(balance.amount) == "0.0105"
    assert balance.head.diagnostics.duplicates == 3


async def test_a_dead_letter_says_where_it_came_from(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    await worker.invoke_event_hub("ingest_usage", [event(b"nonsense", 7)], "2")
    (letter,) = await app.dead_letters.latest(10)
    assert (letter.hub, letter.partition, letter.sequence) == ("usage", "2", 7)


async def test_a_fault_of_the_store_fails_the_invocation_so_that_the_host_retries(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    store_path(app).write_bytes(b"not a database " * 100)
    with pytest.raises(InvocationFailed, match="not a database"):
        await worker.invoke_event_hub("ingest_usage", [event(body())], "0")


async def test_an_invocation_raises_at_its_own_deadline(
    worker: FunctionsWorker, app: bootstrap.App, monkeypatch: pytest.MonkeyPatch
) -> None:
    await worker.invoke_event_hub("ingest_usage", [event(body())], "0")
    monkeypatch.setattr(usage, "DEADLINE_S", 0.05)
    other = sqlite3.connect(store_path(app), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InvocationFailed, match="TimeoutError"):
        await worker.invoke_event_hub("ingest_usage", [event(body(id="r-2"))], "0")
    other.close()
    await worker.invoke_event_hub("ingest_usage", [event(body(id="r-2"))], "0", retry_count=1)
    assert (await app.read.balance("sub-1", month_of(AT))).total.requests == 2


async def test_the_timer_settles_streams_whose_counts_never_came(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    pending = body(data__tokens="pending", data__usage=None)
    await worker.invoke_event_hub("ingest_usage", [event(pending)], "0")
    await app.close()
    bootstrap.use(bootstrap.App(app.settings._replace(fixed_now=NOW + 2 * DAY)))
    await worker.invoke_timer("expire_pending")
    later = bootstrap.current()
    assert (await later.read.balance("sub-1", month_of(AT))).total.missing == 1
    async for page in later.ledgers.pages((await later.verify.ledgers())[0], after=1):
        assert page.entries[0].state.evidence is Evidence.MISSING
    await later.close()


async def test_a_model_without_a_price_is_told_once_and_at_once(
    worker: FunctionsWorker, app: bootstrap.App, caplog: pytest.LogCaptureFixture
) -> None:
    events = [event(body(id=f"r-{n}", data__model="gpt-99"), n) for n in range(2)]
    await worker.invoke_event_hub("ingest_usage", events, "0")
    assert len([record for record in caplog.records if record.name == "metering"]) == 1
    await worker.invoke_timer("deliver_effects")
    told = [record for record in caplog.records if record.name == "metering"]
    assert [record.getMessage() for record in told] == [
        "sub-1|2026-11-01T00:00:00Z: usage of model 'gpt-99' has no price"
    ]
    assert vars(told[0])["effect"] == "sub-1|2026-11-01T00:00:00Z/effect-00000001-0"
    assert await app.deliver_effects.waiting(10) == []


async def test_the_timer_rolls_up_what_was_counted(
    worker: FunctionsWorker, app: bootstrap.App
) -> None:
    await worker.invoke_event_hub("ingest_usage", [event(body())], "0")
    await worker.invoke_timer("roll_up")
    (ledger,) = await app.verify.ledgers()
    stored = await app.stores.rollups.read_cursor(ledger)
    assert stored is not None
    assert stored.cursor.page == 1
    assert (await app.verify.one(ledger)).faults == ()


async def test_the_timer_delivers_what_is_due_by_schedule(
    worker: FunctionsWorker, app: bootstrap.App, tmp_path: Path
) -> None:
    await worker.invoke_event_hub("ingest_usage", [event(body())], "0")
    await app.close()
    settings = app.settings._replace(
        fixed_now=NOW + DAY,
        exports=ExportsFolder(tmp_path / "exports"),
        export_schedule="chargeback=daily",
    )
    bootstrap.use(bootstrap.App(settings))
    await worker.invoke_timer("deliver_exports")
    assert (tmp_path / "exports/chargeback/all/2026-11-20Z/manifest.json").is_file()
    await bootstrap.current().close()


async def test_the_timer_closes_what_is_due(worker: FunctionsWorker, app: bootstrap.App) -> None:
    await worker.invoke_event_hub("ingest_usage", [event(body())], "0")
    await app.close()
    november = month_of(AT)
    settings = app.settings._replace(fixed_now=november.end + DAY, close_grace=2 * DAY)
    bootstrap.use(bootstrap.App(settings))
    await worker.invoke_timer("close_periods")
    assert await bootstrap.current().billing.statements.of("sub-1", november) is None
    await bootstrap.current().close()
    bootstrap.use(bootstrap.App(settings._replace(close_grace=DAY)))
    await worker.invoke_timer("close_periods")
    assert await bootstrap.current().billing.statements.of("sub-1", november) is not None
    await bootstrap.current().close()


def test_every_timer_has_a_deadline_below_the_timeout_of_the_host() -> None:
    host = json.loads((app_dir() / "host.json").read_text(encoding="utf-8"))
    hours, minutes, seconds = map(int, host["functionTimeout"].split(":"))
    timeout_s = (hours * 60 + minutes) * 60 + seconds
    # Half a minute is left to end in order.
    assert all(0 < one.deadline_s <= timeout_s - 30 for one in timers.TIMERS)


@pytest.mark.parametrize("timer", timers.TIMERS, ids=lambda one: one.name)
@pytest.mark.usefixtures("app")
async def test_a_timer_fails_at_its_deadline(timer: timers.Timer) -> None:
    async def hangs(_: bootstrap.App) -> None:
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await timers.run(timer._replace(work=hangs, deadline_s=0.01))
