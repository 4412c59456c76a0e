"""`metering run`: the whole system on this machine, with a simulated gateway."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from socket import socket
from typing import Annotated, Any, Final, NamedTuple

import typer
from rich.live import Live
from rich.table import Table

from metering import bootstrap
from metering.cli.installation.live_view import show_live
from metering.cli.installation.own_store import Store, elsewhere, settings_for
from metering.cli.installation.serve import say_where_to_sign_in
from metering.cli.installation.system import COLUMNS, Trace, balance_cells
from metering.cli.options import made
from metering.cli.output import escape, stderr, stdout
from metering.local import api
from metering.local.demo.demo import tenants_file
from metering.local.demo.live import send_live
from metering.local.demo.trace import TraceRow, read_trace
from metering.local.functions.worker import InvocationFailed
from metering.local.gateway.ask import admission_from
from metering.local.gateway.keys import key_of
from metering.local.gateway.models.catalogue import DEPLOYMENTS
from metering.local.gateway.server import listener_on, local_gateway
from metering.local.metrics import PATH, measure
from metering.local.system import LocalSystem, local_system
from metering.settings.settings import SqliteStore

_PIPED_EVERY_S: Final = 5.0
_REDRAW_S: Final = 0.5
_KEYS_SHOWN: Final = 12


def run(  # noqa: PLR0913, PLR0917, each is an option of the command
    rate: Annotated[
        float, typer.Option(min=0.1, max=5_000, help="Events per second of the built-in traffic.")
    ] = 20,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, help="Stop after N seconds. Default: run until interrupted."),
    ] = None,
    trace: Trace = None,
    traffic: Annotated[
        bool, typer.Option(help="Send the built-in traffic, or only wait for clients.")
    ] = True,
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65_535, help="Gateway port; 0 picks a free one. Default: 8484 if it is free."
        ),
    ] = None,
    api_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            help="API and dashboard port; 0 picks a free one. Default: 7071 if it is free.",
        ),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Show each request as it arrives.")] = False,
    store: Store = None,
) -> None:
    """Run the whole system on this machine, with live traffic, until interrupted.

    The store is .metering/run.db, whatever METERING_STORE names.

    A simulated gateway accepts your own requests; its address and keys are printed. The API and the
    dashboard are served as well, with sign-in links that can be used once.

    Example:  metering run --no-traffic --live
    """
    settings = settings_for("run", store)
    news = made(settings)
    if news is not None:
        stdout().print(escape(news), soft_wrap=True)
    app = bootstrap.App(settings._replace(tenants_file=settings.tenants_file or tenants_file()))
    rows = read_trace(trace) if traffic else []
    show = _show_live if live else _show
    with listener_on(port) as listener, api.listener_on(api_port) as api_listener:
        asyncio.run(_run(app, (listener, api_listener), _Options(rate, seconds, rows, show)))


class _Options(NamedTuple):
    """The options of the command. Without rows there is no built-in traffic."""

    rate: float
    seconds: float | None
    rows: Sequence[TraceRow]
    show: Callable[[LocalSystem, asyncio.Event], Coroutine[Any, Any, None]]


async def _run(app: bootstrap.App, listeners: tuple[socket, socket], options: _Options) -> None:
    stop, ended = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    console = stderr()

    def report(function: str, error: InvocationFailed) -> None:
        console.print(f"[red]{function} failed, will retry:[/red] {escape(error.message)}")

    listener, api_listener = listeners
    telemetry = measure(app)
    async with local_system(app, "run", report) as system:
        async with asyncio.TaskGroup() as tasks:
            async with (
                api.local_api(app, api_listener, telemetry) as api_url,
                admission_from(api_url, app.sign_in.gateway_token) as admission,
                local_gateway(system, listener, admission=admission) as gateway,
            ):
                metrics = "" if telemetry is None else f"{api_url}{PATH}"
                _say_where(system, gateway.url, api_url, metrics)
                say_where_to_sign_in(app, api_url)
                if options.seconds is not None:
                    loop.call_later(options.seconds, stop.set)
                tasks.create_task(options.show(system, ended))
                sending = tasks.create_task(_send(system, options))
                await stop.wait()
                sending.cancel()
            await system.host.drain()
            ended.set()
        stdout().print(await _table(system))


async def _send(system: LocalSystem, options: _Options) -> None:
    if options.rows:
        await send_live(system, options.rows, options.rate)


def _say_where(system: LocalSystem, url: str, api_url: str, metrics: str) -> None:
    """Print the addresses and keys of the gateway and the API."""
    app = system.app
    console = stdout()
    store = app.settings.store
    name = store.path if isinstance(store, SqliteStore) else store.endpoint
    keys = [
        key_of(subject)
        for tenant in app.tenancy.directory.tenants()
        for subject in app.tenancy.directory.subjects(tenant, app.clock.now())
    ]
    lines = {
        "OpenAI": f"base_url={url}/openai/v1",
        "Azure OpenAI": f"azure_endpoint={url}",
        "Anthropic": f"base_url={url}/anthropic",
        "keys": ", ".join(keys[:_KEYS_SHOWN]) + (" ..." if len(keys) > _KEYS_SHOWN else ""),
        "models": ", ".join(DEPLOYMENTS),
        "API": f"{api_url}/api, with a token from `metering token --operator`",
        "Prometheus": metrics,
        "commands": f"export {elsewhere(app.settings)}, then metering balance contoso",
    }
    console.print(f"Running on {escape(str(name))}. Press Ctrl-C to stop.", soft_wrap=True)
    for what, value in lines.items():
        if not value:
            continue
        console.print(f"  {what:<13}{escape(value)}", soft_wrap=True)


async def _show_live(system: LocalSystem, ended: asyncio.Event) -> None:
    await show_live(system.app, lambda: _table(system), ended)


async def _show(system: LocalSystem, ended: asyncio.Event) -> None:
    console = stdout()
    if not console.is_terminal:
        while not await _is_set_within(ended, _PIPED_EVERY_S):
            console.print(await _table(system))
        return
    with Live(await _table(system), console=console, transient=True, auto_refresh=False) as live:
        while not await _is_set_within(ended, _REDRAW_S):
            live.update(await _table(system), refresh=True)


async def _is_set_within(event: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


async def _table(system: LocalSystem) -> Table:
    app = system.app
    periods = {name: await app.read.present_period(name) for name in await app.read.tenants()}
    names = ", ".join(sorted({period.name for period in periods.values()}))
    table = Table(title=f"Balances, {names}", title_justify="left", title_style="bold")
    for position, column in enumerate(COLUMNS):
        table.add_column(column, justify="right" if position else "left")
    for tenant, period in periods.items():
        balance = await app.read.balance(tenant, period)
        table.add_row(*(escape(cell) for cell in balance_cells(tenant, balance)))
    return table
