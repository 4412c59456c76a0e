"""`metering demo`: run the whole system on this machine and check the result."""

import asyncio
import sys
from pathlib import Path
from shutil import which
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from metering.cli import output
from metering.cli.installation.own_store import Store, elsewhere, settings_for
from metering.cli.options import made
from metering.cli.output import (
    AsJson,
    count,
    escape,
    plural,
    print_error,
    print_table,
    stderr,
    stdout,
    tokens,
)
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount
from metering.core.billing.balance import Balance
from metering.documents.installation import DemoDocument
from metering.documents.ledger.figures import figures
from metering.local.demo import story
from metering.local.demo.demo import DEMO_NOW, Demo, TenantResult, run_demo

COLUMNS: Final = ["tenant", "requests", "tokens", "amount", "unpriced", "duplicates"]

Trace = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A trace file. Default: the bundled sample."),
]


def demo(trace: Trace = None, store: Store = None, as_json: AsJson = False) -> None:
    """Send a real trace through the whole system and compare the result with an independent sum.

    Events arrive twice and out of order, as in practice. One tenant shows a stream, a limit, a
    corrected price and a closed month. Exit status 1 if a token or an amount differs. The store is
    .metering/demo.db, whatever METERING_STORE names.

    Example:  metering demo
    """
    settings = settings_for("demo", store)
    news = made(settings)
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

        ran = asyncio.run(run_demo(settings, trace, show))
    documents = [_document(result) for result in ran.results]
    output.show(documents, lambda: _print(ran, news, elsewhere(settings)), as_json=as_json)
    if not all(result.holds for result in ran.results):
        raise typer.Exit(1)


def _document(result: TenantResult) -> DemoDocument:
    balance = result.balance
    return DemoDocument.model_validate(
        figures(balance.total, balance.amount)
        | {
            "tenant": result.tenant,
            "currency": balance.currency,
            "duplicates": _duplicates(result),
            "expected_amount": f"{result.expected.amount.normalize():f}",
            "differences": result.differences,
            "faults": list(result.verdict.faults),
            "last_hash": result.verdict.last_hash,
        }
    )


def _print(ran: Demo, news: str | None, setting: str) -> None:
    console = stdout()
    if news is not None:
        console.print(news)
    sent = ran.requests + ran.repeated
    console.print(
        f"{count(ran.requests)} requests of a real trace were sent as {count(sent)} events:"
        f" {count(ran.repeated)} arrived twice, and all out of order."
    )
    if sum(_duplicates(result) for result in ran.results) > ran.repeated:
        console.print("An earlier run had sent them to this store: all of them are duplicates now.")
    rows = [balance_cells(result.tenant, result.balance) for result in ran.results]
    print_table("Balances, October 2026", COLUMNS, rows)
    for result in ran.results:
        for fault in (*result.differences, *result.verdict.faults):
            print_error(f"{result.tenant}: {fault}")
    if all(result.holds for result in ran.results):
        console.print("Tokens and amounts equal an independent sum to the last digit.")
        console.print("Every ledger matches its head, and every hash chain is intact.")
        _print_story(ran, setting)


def _print_story(ran: Demo, setting: str) -> None:
    console, came, who = stdout(), ran.story, story.TENANT
    busiest = max(ran.results, key=_duplicates)
    twice = plural(_duplicates(busiest), "event")
    told = [
        (
            "A duplicate",
            f"{twice} of {busiest.tenant} came again and changed nothing.",
            f"balance {busiest.tenant}",
        ),
        (
            "A stream",
            f"Its event had no token counts; the gateway's log added all {came.stream_tokens:,}.",
            f"requests show {story.STREAM} --tenant {who}",
        ),
        (
            "A limit",
            f"{who} is refused until midnight ({came.verdict.detail}).",
            f"admission {story.SUBSCRIPTION}",
        ),
        (
            "A wrong price",
            f"{came.charged} USD of two requests were corrected to {came.corrected}. One of them:",
            f"requests show {story.REPRICED} --tenant {who}",
        ),
        (
            "A closed month",
            f"The statement of {who} for September is {came.statement_total} USD.",
            f"statement {who} --period {story.CLOSED}",
        ),
    ]
    console.print()
    console.print("To look closer, choose the demo's store and its clock:")
    now = format_instant(DEMO_NOW)
    if which("metering") is None:
        # `make demo` has not put the command on the path of the shell.
        console.print(f"    [cyan]. {escape(sys.prefix)}/bin/activate[/cyan]")
    console.print(f"    [cyan]export {escape(setting)} METERING_NOW={now}[/cyan]")
    console.print()
    for title, sentence, command in told:
        console.print(f"[bold]{title}[/bold]: {escape(sentence)}")
        console.print(f"    [cyan]metering {command}[/cyan]")
    console.print()
    console.print("Afterwards, go back to your own store and to the present:")
    console.print("    [cyan]unset METERING_STORE METERING_NOW[/cyan]")


def _duplicates(result: TenantResult) -> int:
    return result.balance.head.diagnostics.duplicates


def balance_cells(tenant: str, balance: Balance) -> list[str]:
    """Return the cells of a tenant's row under COLUMNS."""
    return [
        tenant,
        count(balance.total.requests),
        tokens(balance.tokens),
        f"{format_amount(balance.amount)} {balance.currency}",
        count(balance.total.unpriced),
        count(balance.head.diagnostics.duplicates),
    ]
