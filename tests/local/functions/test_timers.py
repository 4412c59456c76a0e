"""Timer functions: when they run, what makes up for a missed run, and on which host."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from metering.core.basics.instants import HOUR, MINUTE, Instant
from metering.local.functions.host import FunctionsHost
from metering.local.hubs.hub import EmbeddedHub

type Serve = Callable[[EmbeddedHub], AbstractAsyncContextManager[FunctionsHost]]
type Until = Callable[[Callable[[], object]], Awaitable[None]]


@pytest.fixture
def settings() -> dict[str, str]:
    """Return the app settings with a timer that is due every five minutes."""
    return {"USAGE_HUB": "usage", "USAGE_GROUP": "meter", "SWEEP_SCHEDULE": "0 */5 * * * *"}


async def test_a_timer_runs_once_when_it_is_due_and_not_before(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    async with serve(hub):
        await until(lambda: script.startup_runs)
        now[0] += 5 * MINUTE - 1
        await asyncio.sleep(0.01)
        assert script.timer_runs == []
        now[0] += 1
        await until(lambda: script.timer_runs)
        await asyncio.sleep(0.01)
    assert script.timer_runs == [False]


async def test_a_timer_never_overlaps_itself_and_makes_up_once(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    script.gate.clear()
    async with serve(hub):
        await until(lambda: script.startup_runs)
        now[0] += 5 * MINUTE
        await until(lambda: script.timer_runs)
        now[0] += 22 * MINUTE
        await asyncio.sleep(0.01)
        assert len(script.timer_runs) == 1
        script.gate.set()
        await until(lambda: len(script.timer_runs) > 1)
        await asyncio.sleep(0.01)
    assert len(script.timer_runs) == 2


async def test_a_run_that_was_missed_while_no_host_was_there_is_made_up_for_once(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    async with serve(hub):
        await until(lambda: script.startup_runs)
    now[0] += HOUR
    async with serve(hub):
        await until(lambda: script.timer_runs)
        await asyncio.sleep(0.01)
    assert script.timer_runs == [True]


async def test_a_timer_that_asks_for_it_runs_at_every_start(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any
) -> None:
    async with serve(hub):
        await until(lambda: script.startup_runs == 1)
    async with serve(hub):
        await until(lambda: script.startup_runs == 2)
    assert script.timer_runs == []


async def test_a_timer_runs_on_one_host_only(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    async with serve(hub), serve(hub):
        await until(lambda: script.startup_runs)
        now[0] += 5 * MINUTE
        await until(lambda: script.timer_runs)
        await asyncio.sleep(0.02)
    assert (script.timer_runs, script.startup_runs) == ([False], 1)


async def test_draining_waits_for_a_timer_that_is_under_way(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    script.gate.clear()
    async with serve(hub) as host:
        await until(lambda: script.startup_runs)
        now[0] += 5 * MINUTE
        await until(lambda: script.timer_runs)
        draining = asyncio.create_task(host.drain())
        await asyncio.sleep(0.01)
        assert not draining.done()
        script.gate.set()
        await draining
