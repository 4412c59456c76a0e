"""Hosts that share a hub file: one reads a partition at a time, and another goes on after it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import metering
from metering.core.basics.instants import HOUR, SECOND, Instant
from metering.local.functions.host import FunctionsHost
from metering.local.hubs.hub import EmbeddedHub
from metering.local.hubs.leases import HostLeases, LeaseKey

type Serve = Callable[[EmbeddedHub], AbstractAsyncContextManager[FunctionsHost]]
type Until = Callable[[Callable[[], object]], Awaitable[None]]

_KEY = LeaseKey("usage", "meter", 0)

_KILLED_HOST = """
import asyncio, os, signal, sys
from pathlib import Path
from metering.local.functions.host import FunctionsHost
from metering.local.hubs.hub import EmbeddedHub
from metering.local.functions.worker import FunctionsWorker

async def main() -> None:
    app, path, now = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    worker = await FunctionsWorker.start(app)
    script = sys.modules["function_app"].script
    script.gate.clear()
    settings = dict(pair.split("=", 1) for pair in sys.argv[4:])
    hub = EmbeddedHub(path, lambda: now)
    host = FunctionsHost(worker, hub, settings, on_failure=lambda *_: None)
    running = asyncio.create_task(host.run())
    while not script.batches:
        await asyncio.sleep(0.001)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_what_a_killed_host_had_in_hand_goes_to_the_next_once_its_lease_expires(
    serve: Serve,
    usage: EmbeddedHub,
    script: Any,
    settings: dict[str, str],
    sample_app_dir: Path,
    tmp_path: Path,
    now: list[Instant],
) -> None:
    usage.send("usage", [(b"0", None), (b"1", None)])
    killed = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _KILLED_HOST),
        *(str(sample_app_dir), str(tmp_path / "hub.sqlite"), str(now[0])),
        *(f"{name}={value}" for name, value in settings.items()),
        cwd=Path(metering.__file__).parents[1],
    )
    assert await killed.wait() < 0
    async with serve(usage) as host:
        await asyncio.sleep(0.02)
        assert script.batches == []
        now[0] += 10 * SECOND
        await host.drain()
    assert [batch.bodies for batch in script.batches] == [[b"0", b"1"]]


async def test_a_partition_leased_by_another_host_is_left_alone_until_the_lease_expires(
    serve: Serve, usage: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    usage.send("usage", [(b"0", None)])
    assert HostLeases(usage, "gone", HOUR).hold(_KEY)
    async with serve(usage) as host:
        await asyncio.sleep(0.02)
        assert script.batches == []
        now[0] += HOUR
        await host.drain()
    assert len(script.batches) == 1


async def test_a_host_that_lost_its_lease_does_not_move_the_checkpoint(
    serve: Serve, until: Until, usage: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    usage.send("usage", [(b"0", None)])
    script.gate.clear()
    async with serve(usage):
        await until(lambda: script.batches)
        now[0] += HOUR
        assert HostLeases(usage, "successor", HOUR).hold(_KEY)
        script.gate.set()
        await asyncio.sleep(0.02)
        assert usage.checkpoint("usage", "meter", 0) is None
        assert len(script.batches) == 1


async def test_two_owners_try_a_batch_for_as_long_as_it_fails(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    hub.declare("insisted", 1)
    hub.send("insisted", [(b"0", None), (b"1", None)])
    script.failing_partition = "0"
    key = LeaseKey("insisted", "$Default", 0)
    async with serve(hub):
        await until(lambda: len(script.insisted) > 2)
        now[0] += HOUR
        assert HostLeases(hub, "successor", HOUR).hold(key)
        attempts = len(script.insisted)
        # The old owner goes on although the partition is another's.
        await until(lambda: len(script.insisted) > attempts + 2)
        script.failing_partition = None
        await until(lambda: script.insisted[-1].retry_count == len(script.insisted) - 1)
        await asyncio.sleep(0.02)
        assert hub.checkpoint("insisted", "$Default", 0) is None
    # The new owner has the batch again.
    assert {tuple(batch.bodies) for batch in script.insisted} == {(b"0", b"1")}


async def test_a_lease_outlasts_an_invocation_that_is_longer_than_it(
    serve: Serve, until: Until, usage: EmbeddedHub, script: Any, now: list[Instant]
) -> None:
    usage.send("usage", [(b"0", None)])
    script.gate.clear()
    rival = HostLeases(usage, "rival", HOUR)
    async with serve(usage) as host:
        await until(lambda: script.batches)
        for _ in range(4):
            now[0] += 5 * SECOND  # half of a lease's life
            await asyncio.sleep(0.02)
            assert not rival.hold(_KEY)
        script.gate.set()
        await host.drain()
    assert len(script.batches) == 1


async def test_a_host_that_stops_gives_its_leases_up(
    serve: Serve, usage: EmbeddedHub, script: Any
) -> None:
    usage.send("usage", [(b"0", None)])
    async with serve(usage) as host:
        await host.drain()
    assert len(script.batches) == 1
    assert HostLeases(usage, "next", HOUR).hold(_KEY)


async def test_two_hosts_on_one_file_read_every_event_once(
    serve: Serve, hub: EmbeddedHub, script: Any, tmp_path: Path
) -> None:
    other = EmbeddedHub(tmp_path / "hub.sqlite", hub.clock)
    hub.declare("usage")
    async with serve(hub) as first, serve(other):
        for call in range(10):
            hub.send("usage", [(f"{call}-{n}".encode(), f"key{n}") for n in range(20)])
            await asyncio.sleep(0.002)
        await first.drain()
    bodies = [body for batch in script.batches for body in batch.bodies]
    assert (len(bodies), len(set(bodies))) == (200, 200)
    other.close()
