"""`metering simulate`: generate load on a hub from a real trace."""

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
from metering.cli.output import AsJson, count, print_table, show, stderr
from metering.documents.hubs import SimulationDocument
from metering.local.demo.live import live_events
from metering.local.demo.trace import read_trace
from metering.ports import Outgoing

_MAX_TENANTS: Final = 100_000


def simulate(
    hub: HubName = None,
    rate: Annotated[
        float, typer.Option(min=1, max=50_000, help="The maximum number of events per second.")
    ] = 100,
    duration: Annotated[float | None, typer.Option(min=0.1, help="Stop after N seconds.")] = None,
    events: Annotated[
        int | None, typer.Option("--count", min=1, help="Stop after N events.")
    ] = None,
    tenants: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=_MAX_TENANTS,
            help="Number of subjects, sim-000001 and up. Default: the five of the demo.",
        ),
    ] = None,
    trace: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="A trace file. Default: the sample."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Publish simulated traffic to a hub: the requests of a real trace, with current timestamps.

    One event in ten is sent twice, and events are out of order, as in practice. Without --duration
    or --count it runs until interrupted. Exit status 1 if the hub rejects events permanently.

    Example:  metering simulate --hub usage --rate 1000 --duration 60 --tenants 200
    """
    load = _Load(hub, rate, duration, events, tenants, trace)
    with_app(lambda app: _run(app, load, as_json=as_json))


class _Load(NamedTuple):
    """The options of the command."""

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
        """Finish the current call; a second interrupt stops at once."""
        stop.set()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)

    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, interrupted)
    rows = read_trace(load.trace)
    with hub_to_publish_to(app, load.hub) as publisher, _progress() as bar:
        task = bar.add_task("publishing", total=_expected(load))

        def progressed(sent: Sent) -> None:
            bar.update(task, completed=sent.events)

        publishing = Publishing(publisher=publisher, per_second=load.rate, on_progress=progressed)
        source = live_events(rows, app.clock.now(), load.rate, load.tenants)
        start = loop.time()
        try:
            await publishing.run(_until(source, load, stop))
        finally:
            seconds = loop.time() - start
            bar.stop()
            _report(publishing, seconds, as_json=as_json)


def _until(source: Iterator[Outgoing], load: _Load, stop: asyncio.Event) -> Iterator[Outgoing]:
    """Yield events until the count, the duration or an interrupt ends the run."""
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
    found = SimulationDocument.of(publishing, seconds)
    rows = [
        ("events", count(found.published)),
        ("seconds", f"{found.seconds:,.1f}"),
        ("events per second", f"{found.events_per_second:,.1f}"),
        ("bytes", count(found.bytes)),
        ("failed attempts", count(found.failed_attempts)),
        ("rejected", count(found.rejected)),
    ]
    show(found, lambda: print_table("Simulated", ["item", "count"], rows), as_json=as_json)
