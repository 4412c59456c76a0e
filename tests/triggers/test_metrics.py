"""Metrics: each story is a few invocations and the figures that they leave.

Together they name every metric that there is.
"""

import sqlite3
from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from metering import bootstrap
from metering.app.ingest.ingest import Message
from metering.bootstrap import stores_for
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY, HOUR, MINUTE, SECOND, parse_instant
from metering.core.installation.metrics import METRICS
from metering.core.ledger.effect import MAX_ATTEMPTS
from metering.core.ledger.head import ITEM_BYTES
from metering.core.plans.plan import read_plan
from metering.local.functions.worker import FunctionsWorker, InvocationFailed
from metering.local.system import app_dir
from metering.settings.settings import CosmosStore, Settings, SqliteStore
from metering.triggers import usage
from tests.builders import NOW, body, price_file
from tests.doubles.cosmos import CosmosPeer
from tests.doubles.cosmos.faults import Fault
from tests.gateway_logs import gateway_record, llm_record, log
from tests.systems import KnownProgress, MovableClock, RecordedNotifier
from tests.triggers.watching import World, watched

type Figures = Mapping[str, float]
"""Values by `name` or `name label=value …`; of a histogram how many were recorded."""

IN_BYTES: Final = "metering.ledger.segment_bytes"


async def answers(world: World) -> None:
    """Two are counted, one was known, one cannot be read."""
    world.clock.set(NOW + 90 * SECOND)
    await world.ingest(body(), body(id="r-2"), b"nonsense")
    await world.ingest(body())


async def a_bad_deploy(world: World) -> None:
    """Nearly nothing of a batch can be read."""
    with pytest.raises(InvocationFailed, match="StopRuleError"):
        await world.ingest(*(b"%d" % n for n in range(30)))


async def a_lost_race(world: World) -> None:
    """Another process commits between two commits of this one."""
    await world.ingest(body())
    other = bootstrap.App(world.app.settings._replace(fixed_now=NOW))
    await other.ingest.batch([Message(body(id="r-2"), "0", 1)])
    await other.close()
    await world.ingest(body(id="r-3"))


async def a_stopped_ledger(world: World) -> None:
    """Somebody damaged a head; another process, which knows nothing of it yet, comes upon it."""
    other = bootstrap.App(world.app.settings._replace(fixed_now=NOW))
    await other.ingest.batch([Message(body(), "0", 1)])
    await other.close()
    assert isinstance(world.app.settings.store, SqliteStore)
    with closing(sqlite3.connect(world.app.settings.store.path, isolation_level=None)) as file:
        file.execute("UPDATE heads SET document = replace(document, 'last_hash\":\"', '&0')")
    await world.ingest(body(id="r-2"))


async def streams(world: World) -> None:
    """One waits, one never gets its counts, one is known from logs alone, one was late."""
    await world.ingest(body(id="never", data__tokens="pending", data__usage=...))
    logged = log(llm_record("logged"), gateway_record("logged"), llm_record("final"))
    await world.ingest(logged, function="join_usage")
    await world.timer("expire_pending")
    world.clock.set(NOW + 20 * MINUTE)
    await world.timer("expire_pending")
    world.clock.set(NOW + 2 * DAY)
    await world.timer("expire_pending")
    late = {"id": "late", "time": "2026-11-22T11:45:00Z"}
    await world.ingest(body(**late, data__tokens="pending", data__usage=...))
    await world.timer("take_stock")


async def prices(world: World) -> None:
    """A model has no price, then it has."""
    await world.ingest(body(data__model="mystery", data__deployment=...))
    await world.timer("take_stock")
    assert world.figures()["metering.usage.unpriced"] == 1
    await world.app.tenancy.publish_prices("v2", price_file({"model": "mystery"}, version="v2"))
    await world.timer("price_unpriced")
    await world.timer("roll_up")
    await world.timer("take_stock")
    # Two pages, with what the store adds to each.
    assert world.figures()[IN_BYTES] > 2 * ITEM_BYTES


async def effects(world: World) -> None:
    """Somebody is told of one model without a price, and of another one never."""
    notifier = RecordedNotifier()
    world.app.notifier = notifier
    await world.ingest(body(data__model="mystery", data__deployment=...))
    notifier.faults = [RetryableError("no answer") for _ in range(MAX_ATTEMPTS)]
    await world.ingest(body(id="r-2", data__model="enigma", data__deployment=...))
    for hours in range(MAX_ATTEMPTS):
        world.clock.set(NOW + (hours + 1) * HOUR)
        await world.timer("deliver_effects")
    await world.timer("take_stock")


async def cut_off(world: World) -> None:
    """A tenant uses its budget up: its gateway asks, and its subscription is suspended."""
    cap = {"metric": "amount", "window": "period", "limit": "0.0035", "action": "block"}
    plan = {"id": "capped", "quotas": [cap], "suspend": True}
    await world.app.tenancy.define_plan(read_plan("p", plan), None)
    await world.app.tenancy.assign_plan("acme", "capped", None)
    await world.app.tenancy.map_subject("sub-1", "acme", None)
    await world.ask("sub-1")
    await world.ask("nobody")
    await world.ingest(body())
    world.clock.set(NOW + 2 * SECOND)
    await world.ask("sub-1")
    await world.timer("enforce_quotas")


async def periods(world: World) -> None:
    """One was closed; the next is over, and a day later still waits for a price."""
    await world.ingest(body())
    world.clock.set(parse_instant("2026-12-02T00:00:00Z"))
    await world.timer("close_periods")
    model = {"data__model": "gpt-99", "data__deployment": "gpt-99"}
    await world.ingest(body(id="r-2", time="2026-12-01T10:00:00Z", **model))
    world.clock.set(parse_instant("2027-01-02T00:00:00Z"))
    await world.timer("close_periods")


async def a_hub_behind(world: World) -> None:
    """A hub holds an event for eleven minutes; no batch comes."""
    world.app.hub_progress = progress = KnownProgress()
    progress.until = NOW - 11 * MINUTE
    await world.timer("watch_hubs")
    assert world.figures()["metering.hub.lag_ms hub=usage"] == 1


#: What each story leaves, worked out by hand.
STORIES: Final[Mapping[Callable[[World], Awaitable[None]], Figures]] = {
    answers: {
        "metering.events.accepted function=ingest_usage": 2,
        "metering.events.duplicate function=ingest_usage": 1,
        "metering.events.rejected code=not_json function=ingest_usage": 1,
        "metering.batch.events function=ingest_usage": 2,
        "metering.batch.lag_ms function=ingest_usage": 2,
        "metering.function.duration_ms function=ingest_usage outcome=ok": 2,
        "metering.commit.latency_ms": 2,
        # Each of the two requests has input and output, and 0.0035 USD; the repeat has neither.
        "gen_ai.client.token.usage": 4,
        "metering.usage.amount": 0.007,
    },
    a_hub_behind: {"metering.hub.lag_ms hub=usage": 1},
    a_bad_deploy: {
        "metering.batch.stopped function=ingest_usage": 1,
        "metering.function.duration_ms function=ingest_usage outcome=failed": 1,
    },
    a_lost_race: {"metering.commit.conflicts": 1, "metering.commit.latency_ms": 3},
    a_stopped_ledger: {
        "metering.ledger.stopped function=ingest_usage": 1,
        "metering.events.rejected code=ledger_stopped function=ingest_usage": 1,
        "metering.alerts": 1,
    },
    streams: {
        "metering.streams.missing": 1,
        "metering.streams.unclaimed": 1,
        "metering.streams.recovered": 1,
        "metering.streams.pending": 1,
    },
    prices: {
        "metering.usage.priced": 1,
        "metering.usage.unpriced": 0,
        # 11 August to 20 November: 20 + 30 + 31 + 20 days.
        "metering.prices.age_days source=prices.azure.com": 101,
        "metering.rollup.pages": 2,
    },
    effects: {
        "metering.effects.delivered": 1,
        "metering.effects.postponed": MAX_ATTEMPTS - 1,
        "metering.effects.parked": 1,
        "metering.effects.waiting": 1,
    },
    periods: {
        "metering.close.closed": 1,
        "metering.close.waiting": 1,
        "metering.close.overdue": 0,
    },
    cut_off: {
        "metering.admission.verdicts verdict=allow": 1,
        "metering.admission.verdicts verdict=unknown": 1,
        "metering.admission.verdicts verdict=block": 1,
        "metering.admission.latency_ms": 3,
        "metering.suspension.actions action=suspend outcome=done": 1,
    },
}
#: What a story of its own tells: on Cosmos DB, or with a size that follows from what pages hold.
TOLD_ELSEWHERE: Final = {"metering.store.request_units", "metering.store.throttled", IN_BYTES}


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
async def test_what_happens_is_what_the_figures_say(
    world: World, story: Callable[[World], Awaitable[None]]
) -> None:
    await story(world)
    figures = world.figures()
    expected = STORIES[story]
    assert {name: figures.get(name) for name in expected} == expected


async def test_every_metric_that_has_a_name_is_emitted() -> None:
    told = {name.partition(" ")[0] for figures in STORIES.values() for name in figures}
    assert told | TOLD_ELSEWHERE == set(METRICS)


async def test_the_lag_is_the_age_of_the_newest_event(world: World) -> None:
    await answers(world)
    data = world.reader.get_metrics_data()
    assert data is not None
    found = {one.name: one for one in data.resource_metrics[0].scope_metrics[0].metrics}
    (point,) = found["metering.batch.lag_ms"].data.data_points
    # Both batches were enqueued 90 seconds before the clock's time.
    assert (point.max, found["metering.batch.lag_ms"].unit) == (90_000, "ms")  # type: ignore[union-attr]


async def test_the_deadline_is_an_outcome_of_its_own(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.ingest(body())
    monkeypatch.setattr(usage, "DEADLINE_S", 0.05)
    assert isinstance(world.app.settings.store, SqliteStore)
    other = sqlite3.connect(world.app.settings.store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InvocationFailed, match="TimeoutError"):
        await world.ingest(body(id="r-2"))
    other.close()
    name = "metering.function.duration_ms function=ingest_usage outcome=deadline"
    assert world.figures()[name] == 1


async def test_a_store_out_of_reach_is_told_as_no_verdict(world: World) -> None:
    await world.ingest(body())
    assert isinstance(world.app.settings.store, SqliteStore)
    world.clock.set(NOW + MINUTE)
    other = sqlite3.connect(world.app.settings.store.path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    await world.app.stores.close()
    other.execute("BEGIN EXCLUSIVE")
    try:
        await world.ask("sub-1")
    finally:
        other.close()
    assert world.figures()["metering.admission.verdicts verdict=unavailable"] == 1


async def test_request_units_and_throttled_requests_are_those_of_the_service(
    tmp_path: Path,
) -> None:
    assert tmp_path
    with CosmosPeer() as peer:
        store = CosmosStore(peer.url, "metering", peer.key)
        prepared = stores_for(store)
        await prepared.prepare()
        await prepared.close()
        peer.charges.reset()
        app, _, reader, finished = watched(Settings(store))
        worker = await FunctionsWorker.start(app_dir())
        world = World(app, MovableClock(NOW), worker, reader, finished)
        peer.faults.add(Fault(what="throttle", container="ledgers", times=3))
        await world.ingest(body())
        await app.close()
        figures = world.figures()
        assert figures["metering.store.throttled container=ledgers"] == 3
        assert figures["metering.store.request_units container=ledgers"] > 10
        assert figures["metering.store.request_units"] == pytest.approx(peer.charges.total)
