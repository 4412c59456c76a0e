"""How far the embedded hub has been counted, and what that means for closing."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from metering.app.billing.close_periods import Waiting
from metering.app.hubs.batch import Message
from metering.bootstrap import App
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY, HOUR, MINUTE, Instant
from metering.core.calendars.periods import parse_month
from metering.local.functions.worker import InvocationFailed
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.progress import LocalHubProgress
from metering.local.system import READ_HUBS, hub_path, local_system
from metering.settings.settings import Settings, SqliteStore
from tests.builders import body
from tests.systems import MovableClock

NOVEMBER = parse_month("2026-11")
#: When the event came, in November; and when November can be closed.
CAME = NOVEMBER.end - HOUR
DUE = NOVEMBER.end + DAY


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock(CAME)


@pytest.fixture
async def hub(tmp_path: Path, clock: MovableClock) -> AsyncIterator[EmbeddedHub]:
    """Return the hub file of a system in this folder, with nothing in it."""
    settings = Settings(SqliteStore(tmp_path / "store.db"))
    hub = EmbeddedHub(hub_path(settings, "test"), clock.now)
    for name, _ in READ_HUBS:
        hub.declare(name)
    yield hub
    hub.close()


async def until(hub: EmbeddedHub, clock: MovableClock) -> Instant:
    return await LocalHubProgress(hub, clock, READ_HUBS).counted_until()


async def test_a_hub_without_events_is_counted_until_now(
    hub: EmbeddedHub, clock: MovableClock
) -> None:
    clock.set(DUE)
    assert await until(hub, clock) == DUE


async def test_a_hub_is_counted_until_its_oldest_event_that_nobody_has_read_through(
    hub: EmbeddedHub, clock: MovableClock
) -> None:
    hub.send("usage", [(b"1", "a")])
    clock.set(CAME + MINUTE)
    hub.send("usage", [(b"2", "a")])
    clock.set(DUE)
    partition = hub.partition_of("usage", b"", "a")
    assert await until(hub, clock) == CAME
    hub.save_checkpoint("usage", "metering", partition, 0)
    assert await until(hub, clock) == CAME + MINUTE
    hub.save_checkpoint("usage", "another", partition, 1)
    assert await until(hub, clock) == CAME + MINUTE
    hub.save_checkpoint("usage", "metering", partition, 1)
    assert await until(hub, clock) == DUE


async def test_either_hub_holds_both_back(hub: EmbeddedHub, clock: MovableClock) -> None:
    hub.send("gateway-logs", [(b"1", None)])
    clock.set(CAME + MINUTE)
    hub.send("usage", [(b"2", "a")])
    clock.set(DUE)
    assert await until(hub, clock) == CAME


async def test_a_hub_file_that_cannot_be_read_is_retryable(
    hub: EmbeddedHub, clock: MovableClock
) -> None:
    with sqlite3.connect(hub_file(hub)) as other:
        other.execute("DROP TABLE checkpoints")
    other.close()
    with pytest.raises(RetryableError, match="the embedded hub: no such table"):
        await until(hub, clock)


def hub_file(hub: EmbeddedHub) -> str:
    return str(hub.file.rows("PRAGMA database_list")[0][2])


async def test_events_that_wait_in_the_hub_keep_a_period_waiting_until_they_are_counted(
    tmp_path: Path, hub: EmbeddedHub
) -> None:
    settings = Settings(SqliteStore(tmp_path / "store.db"), fixed_now=CAME)
    before = App(settings)
    await before.ingest.batch([Message(usage("counted"), "0", 0)])
    await before.close()
    hub.send("usage", [(usage("waits"), "acme")])
    app = App(settings._replace(fixed_now=DUE))
    app.hub_progress = LocalHubProgress(hub, app.clock, READ_HUBS)
    (waiting,) = [one async for one in app.billing.close_periods.run(DUE)]
    await app.close()
    assert isinstance(waiting, Waiting)
    assert waiting.reason == "events up to 2026-12-02T00:00:00Z are still being counted"

    def fail(function: str, error: InvocationFailed) -> None:
        pytest.fail(f"{function}: {error}")

    after = App(settings._replace(fixed_now=DUE))
    async with local_system(after, "test", fail) as system:
        await system.host.drain()
        await after.billing.close_on_time.run()
        statement = await after.billing.statements.of("acme", NOVEMBER)
    assert statement is not None
    # Two requests of 1,000 x 2.50 + 100 x 10 a million = 0.0070 USD.
    assert sum(line.amount for line in statement.lines if line.kind == "usage") == 7_000 * 10**12


def usage(name: str) -> bytes:
    return body(id=name, time="2026-11-30T22:59:00Z", subject="acme")
