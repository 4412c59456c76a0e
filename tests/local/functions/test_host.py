"""The Functions host: order, batches, retries and checkpoints, with a real app."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from metering.local.functions.host import FunctionsHost, HostStopped
from metering.local.hubs.hub import EmbeddedHub

type Serve = Callable[[EmbeddedHub], AbstractAsyncContextManager[FunctionsHost]]
type Until = Callable[[Callable[[], object]], Awaitable[None]]


def _numbered(count: int) -> list[tuple[bytes, str | None]]:
    return [(f"{n}".encode(), "tenant") for n in range(count)]


async def test_a_partition_is_read_in_order_and_in_batches_of_the_size_in_host_json(
    serve: Serve, usage: EmbeddedHub, script: Any
) -> None:
    usage.send("usage", _numbered(25))
    async with serve(usage) as host:
        await host.drain()
    assert [len(batch.events) for batch in script.batches] == [10, 10, 5]
    bodies = [body for batch in script.batches for body in batch.bodies]
    assert bodies == [f"{n}".encode() for n in range(25)]


async def test_events_sent_while_the_host_runs_are_read(
    serve: Serve, usage: EmbeddedHub, script: Any
) -> None:
    async with serve(usage) as host:
        for number in range(3):
            usage.send("usage", [(f"{number}".encode(), None)])
            await host.drain()
    assert [batch.bodies for batch in script.batches] == [[b"0"], [b"1"], [b"2"]]


async def test_a_retried_batch_succeeds_and_says_how_often_it_was_tried(
    serve: Serve, usage: EmbeddedHub, script: Any, failures: list[tuple[str, str]]
) -> None:
    script.failures_left = 1
    usage.send("usage", _numbered(1))
    async with serve(usage) as host:
        await host.drain()
    assert [batch.retry_count for batch in script.batches] == [0, 1]
    assert failures == [("ingest", "ValueError: told to fail")]


async def test_the_checkpoint_moves_past_a_batch_whose_retries_are_used_up(
    serve: Serve, usage: EmbeddedHub, script: Any, failures: list[tuple[str, str]]
) -> None:
    script.failures_left = 3  # the first attempt and the two retries of the policy
    usage.send("usage", _numbered(12))
    async with serve(usage) as host:
        await host.drain()
    attempts = [(batch.retry_count, len(batch.events)) for batch in script.batches]
    assert attempts == [(0, 10), (1, 10), (2, 10), (0, 2)]
    assert len(failures) == 3
    assert usage.checkpoint("usage", "meter", 0) == 11


async def test_the_checkpoint_waits_until_the_function_has_ended(
    serve: Serve, until: Until, usage: EmbeddedHub, script: Any
) -> None:
    script.gate.clear()
    usage.send("usage", _numbered(1))
    async with serve(usage) as host:
        await until(lambda: script.batches)
        assert usage.checkpoint("usage", "meter", 0) is None
        script.gate.set()
        await host.drain()
    assert usage.checkpoint("usage", "meter", 0) == 0


async def test_an_endless_retry_holds_its_partition_while_the_others_go_on(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any
) -> None:
    hub.declare("insisted", 2)
    events: list[tuple[bytes, str | None]] = [(f"{n}".encode(), f"{n}") for n in range(40)]
    homes = [hub.partition_of("insisted", *event) for event in events]
    script.failing_partition = "0"
    hub.send("insisted", events)
    async with serve(hub):
        await until(lambda: len(script.insisted) > 20)
        await until(lambda: hub.checkpoint("insisted", "$Default", 1) == homes.count(1) - 1)
        held = [batch for batch in script.insisted if batch.partition == "0"]
        assert all(batch.bodies == held[0].bodies for batch in held)
        assert [batch.retry_count for batch in held] == [*range(len(held))]
        assert hub.checkpoint("insisted", "$Default", 0) is None
        script.failing_partition = None
        await until(lambda: hub.checkpoint("insisted", "$Default", 0) == homes.count(0) - 1)


async def test_a_partition_waits_for_its_batch_and_no_other_partition_does(
    serve: Serve, until: Until, hub: EmbeddedHub, script: Any
) -> None:
    hub.declare("usage", 2)
    script.gate.clear()
    hub.send("usage", [(f"{n}".encode(), f"{n}") for n in range(60)])
    async with serve(hub):
        await until(lambda: len(script.batches) == 2)
        hub.send("usage", [(f"{n}".encode(), f"{n}") for n in range(60)])
        assert {batch.partition for batch in script.batches} == {"0", "1"}
        assert len(script.batches) == 2


async def test_a_function_that_never_waits_leaves_every_partition_its_turn(
    serve: Serve, hub: EmbeddedHub, script: Any
) -> None:
    hub.declare("usage", 2)
    hub.send("usage", [(f"{n}".encode(), f"{n}") for n in range(100)])
    async with serve(hub) as host:
        await host.drain()
    turns = "".join(batch.partition for batch in script.batches)
    assert turns.startswith(("0101", "1010"))


async def test_a_batch_that_was_cancelled_is_delivered_again(
    serve: Serve, until: Until, usage: EmbeddedHub, script: Any
) -> None:
    usage.send("usage", _numbered(3))
    script.gate.clear()
    async with serve(usage):
        await until(lambda: script.batches)
    assert usage.checkpoint("usage", "meter", 0) is None
    script.gate.set()
    async with serve(usage) as host:
        await host.drain()
    assert [batch.bodies for batch in script.batches] == [[b"0", b"1", b"2"]] * 2
    assert usage.checkpoint("usage", "meter", 0) == 2


async def test_a_batch_that_succeeds_while_the_host_stops_is_delivered_again(
    serve: Serve, until: Until, usage: EmbeddedHub, script: Any
) -> None:
    usage.send("usage", _numbered(12))
    script.gate.clear()
    async with serve(usage) as host:
        await until(lambda: script.batches)
        stopping = asyncio.create_task(host.stop())
        await asyncio.sleep(0)
        assert not stopping.done()
        script.gate.set()
        await stopping
        # The one that ran has ended, and no other one began.
        assert [len(batch.events) for batch in script.batches] == [10]
        assert usage.checkpoint("usage", "meter", 0) is None
    async with serve(usage) as host:
        await host.drain()
    assert [len(batch.events) for batch in script.batches] == [10, 10, 2]


async def test_a_host_that_stops_leaves_what_never_ends_to_the_next_one(
    serve: Serve, until: Until, usage: EmbeddedHub, script: Any
) -> None:
    usage.send("usage", _numbered(1))
    script.gate.clear()
    async with serve(usage) as host:
        await until(lambda: script.batches)
        await host.stop()
    assert usage.checkpoint("usage", "meter", 0) is None


async def test_waiting_for_a_host_that_stopped_is_an_error(
    serve: Serve, usage: EmbeddedHub
) -> None:
    usage.send("usage", _numbered(1))
    async with serve(usage) as host:
        await host.drain()
    usage.send("usage", _numbered(1))
    with pytest.raises(HostStopped):
        await host.drain()
