"""`metering simulate`: load on a hub, from the rows of a real trace."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from metering import bootstrap
from metering.app.hubs.publishing import Publishing, Sent
from metering.cli.hubs.hubs import HubName, hub_to_publish_to
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, print_json, print_table, stderr
from metering.local.demo.live import live_events
from metering.local.demo.trace import read_trace
from metering.ports import Outgoing

_MAX_TENANTS: Final = 100_000


def simulate(
    hub: HubName = None,
    rate: Annotated[float, typer.Option(min=1, max=50_000, help="Events a second, at most.")] = 100,
    duration: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after so many seconds.")
    ] = None,
    events: Annotated[
        int | None, typer.Option("--count", min=1, help="Stop after so many events.")
    ] = None,
    tenants: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MAX_TENANTS,
            help="Subjects sim-000001 and on, unevenly busy. Default: the five of the demo.",
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A trace file. Default: the sample."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish made-up traffic to a hub: the requests of a real trace, as if they were made now.

    One event in ten comes twice, and none in order, as they do in practice. Without --duration or
    --count it goes on until it is interrupted. Exit status 1 if the hub refuses for good.

    Example:  metering simulate --hub usage --rate 1000 --duration 60 --tenants 200
    """
    load = _Load(hub, rate, duration, events, tenants, trace)
    with_app(lambda app: _run(app, load, as_json=as_json))


class _Load(NamedTuple):
    """What was asked for."""

    hub: str | None
    rate: float
    duration_s: float | None
    events: int | None
    tenants: int | None
    trace: Path | None


async def _run(app: bootstrap.App, load: _Load, *, as_json: bool) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def interrupted() -> None:
        """Finish the call under way; a second interrupt ends it at once."""
        stop.set()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupted)
    rows = read_trace(load.trace)
    with hub_to_publish_to(app, load.hub) as publisher, _progress() as bar:
        task = bar.add_task("publishing", total=_expected(load))

        def show(sent: Sent) -> None:
            bar.update(task, completed=sent.events)

        publishing = Publishing(publisher=publisher, per_second=load.rate, on_progress=show)
        source = live_events(rows, app.clock.now(), load.rate, load.tenants)
        start = loop.time()
        try:
            await publishing.run(_until(source, load, stop))
        finally:
            seconds = loop.time() - start
            bar.stop()
            _report(publishing, seconds, as_json=as_json)


def _until(source: Iterator[Outgoing], load: _Load, stop: asyncio.Event) -> Iterator[Outgoing]:
    """Yield events until there are enough, the time is over or somebody stops it."""
    loop = asyncio.get_running_loop()
    end = None if load.duration_s is None else loop.time() + load.duration_s
    for number, event in enumerate(source):
        over = end is not None and loop.time() >= end
        if over or stop.is_set() or number == load.events:
            return
        yield event


def _expected(load: _Load) -> float | None:
    by_time = None if load.duration_s is None else load.duration_s * load.rate
    known = [number for number in (by_time, load.events) if number is not None]
    return min(known, default=None)


def _progress() -> Progress:
    console = stderr()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f}"),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


def _report(publishing: Publishing, seconds: float, *, as_json: bool) -> None:
    sent = publishing.sent
    per_second = round(sent.events / seconds, 1) if seconds else 0.0
    if as_json:
        print_json(
            {
                "published": sent.events,
                "seconds": round(seconds, 3),
                "events_per_second": per_second,
                "bytes": sent.bytes,
                "failed_attempts": sent.failures,
                "rejected": sent.rejected,
            }
        )
        return
    rows = [
        ("events", count(sent.events)),
        ("seconds", f"{seconds:,.1f}"),
        ("events a second", f"{per_second:,.1f}"),
        ("bytes", count(sent.bytes)),
        ("failed attempts", count(sent.failures)),
        ("rejected", count(sent.rejected)),
    ]
    print_table("Simulated", ["what", "how many"], rows)
