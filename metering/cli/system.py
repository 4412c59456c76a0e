"""`metering demo` and `metering run`: the whole system on this machine."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from metering import bootstrap
from metering.cli.output import (
    AsJson,
    count,
    escape,
    line_json,
    print_error,
    print_json,
    print_table,
    stderr,
    stdout,
    tokens,
)
from metering.config import SqliteStore, read_settings
from metering.core.balance import Balance
from metering.core.money import format_amount
from metering.core.periods import month_of
from metering.local.demo import TenantResult, run_demo, tenants_file
from metering.local.live import send_live
from metering.local.system import LocalSystem, local_system
from metering.local.trace import read_trace
from metering.local.worker import InvocationFailed

_COLUMNS: Final = ["tenant", "requests", "tokens", "amount", "unpriced", "duplicates"]
_PIPED_EVERY_S: Final = 5.0
_REDRAW_S: Final = 0.5

Trace = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A trace file. Default: the sample that ships."),
]


def demo(trace: Trace = None, as_json: AsJson = False) -> None:
    """Send a real trace through the whole system and check the result against an independent sum.

    The events come twice and out of order, as they do in practice. Exit status 1 if a token or a
    cent is not where it should be.

    Example:  metering demo
    """
    settings = read_settings()
    console = stderr()
    bar = Progress(
        TextColumn("counting"),
        BarColumn(),
        MofNCompleteColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task("counting", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        results = asyncio.run(run_demo(settings, trace, show))
    if as_json:
        print_json([_result_json(result) for result in results])
    else:
        _print_results(results)
    if not all(result.holds for result in results):
        raise typer.Exit(1)


def _result_json(result: TenantResult) -> dict[str, object]:
    balance = result.balance
    return {
        "tenant": result.tenant,
        "currency": balance.currency,
        **line_json(balance.total, balance.amount),
        "duplicates": balance.head.diagnostics.duplicates,
        "expected_amount": f"{result.expected.amount.normalize():f}",
        "differences": result.differences,
        "faults": list(result.verdict.faults),
        "last_hash": result.verdict.last_hash,
    }


def _print_results(results: list[TenantResult]) -> None:
    rows = [_cells(result.tenant, result.balance) for result in results]
    print_table("Balances, October 2026", _COLUMNS, rows)
    console = stdout()
    for result in results:
        for fault in (*result.differences, *result.verdict.faults):
            print_error(f"{result.tenant}: {fault}")
    if all(result.holds for result in results):
        console.print("Tokens and money equal the independent sum, to the last digit.")
        console.print("Every ledger folds to its head, and its hash chain is whole.")
        console.print(f"Look closer: metering balance {results[0].tenant}")


def _cells(tenant: str, balance: Balance) -> list[str]:
    return [
        tenant,
        count(balance.total.requests),
        tokens(balance.tokens),
        f"{format_amount(balance.amount)} {balance.currency}",
        count(balance.total.unpriced),
        count(balance.head.diagnostics.duplicates),
    ]


def run(
    rate: Annotated[
        float, typer.Option(min=0.1, max=5_000, help="Events a second of the built-in traffic.")
    ] = 20,
    seconds: Annotated[
        float | None, typer.Option(min=0.1, help="Stop after this long. Default: stay up.")
    ] = None,
    trace: Trace = None,
) -> None:
    """Run the whole system on this machine, with live traffic, until it is interrupted.

    Example:  metering run --rate 50
    """
    settings = read_settings()
    app = bootstrap.App(settings._replace(tenants_file=settings.tenants_file or tenants_file()))
    asyncio.run(_run(app, rate, seconds, trace))


async def _run(app: bootstrap.App, rate: float, seconds: float | None, trace: Path | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    console = stderr()

    def report(function: str, error: InvocationFailed) -> None:
        console.print(f"[red]{function} failed, will retry:[/red] {escape(error.message)}")

    async with local_system(app, "run", report) as system, asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(send_live(system, read_trace(trace), rate))
        showing = tasks.create_task(_show(system))
        await stop.wait()
        sending.cancel()
        await system.host.drain()
        showing.cancel()
        stdout().print(await _table(system))


async def _show(system: LocalSystem) -> None:
    console = stdout()
    store = system.app.settings.store
    name = store.path if isinstance(store, SqliteStore) else store.endpoint
    console.print(f"Running on {escape(str(name))}. Press Ctrl-C to stop.", soft_wrap=True)
    if not console.is_terminal:
        while True:
            await asyncio.sleep(_PIPED_EVERY_S)
            console.print(await _table(system))
    with Live(await _table(system), console=console, transient=True, auto_refresh=False) as live:
        while True:
            await asyncio.sleep(_REDRAW_S)
            live.update(await _table(system), refresh=True)


async def _table(system: LocalSystem) -> Table:
    app = system.app
    period = month_of(app.clock.now())
    table = Table(title=f"Balances, {period.name}", title_justify="left", title_style="bold")
    for position, column in enumerate(_COLUMNS):
        table.add_column(column, justify="right" if position else "left")
    for tenant in await app.read.tenants():
        balance = await app.read.balance(tenant, period)
        table.add_row(*(escape(cell) for cell in _cells(tenant, balance)))
    return table
