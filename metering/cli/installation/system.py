"""`metering demo`: run the whole system on this machine and check the result."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from metering.cli import output
from metering.cli.installation.own_store import Store, elsewhere, settings_for
from metering.cli.options import made
from metering.cli.output import (
    AsJson,
    count,
    print_error,
    print_table,
    stderr,
    stdout,
    tokens,
)
from metering.core.basics.money import format_amount
from metering.core.billing.balance import Balance
from metering.documents.installation import DemoDocument
from metering.documents.ledger.figures import figures
from metering.local.demo.demo import TenantResult, run_demo

COLUMNS: Final = ["tenant", "requests", "tokens", "amount", "unpriced", "duplicates"]

Trace = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="A trace file. Default: the bundled sample."),
]


def demo(trace: Trace = None, store: Store = None, as_json: AsJson = False) -> None:
    """Send a real trace through the whole system and compare the result with an independent sum.

    Events arrive twice and out of order, as in practice. Exit status 1 if a token or an amount
    differs. The store is .metering/demo.db, whatever METERING_STORE names.

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

        results = asyncio.run(run_demo(settings, trace, show))
    documents = [_document(result) for result in results]
    output.show(
        documents, lambda: _print_results(results, news, elsewhere(settings)), as_json=as_json
    )
    if not all(result.holds for result in results):
        raise typer.Exit(1)


def _document(result: TenantResult) -> DemoDocument:
    balance = result.balance
    return DemoDocument.model_validate(
        figures(balance.total, balance.amount)
        | {
            "tenant": result.tenant,
            "currency": balance.currency,
            "duplicates": balance.head.diagnostics.duplicates,
            "expected_amount": f"{result.expected.amount.normalize():f}",
            "differences": result.differences,
            "faults": list(result.verdict.faults),
            "last_hash": result.verdict.last_hash,
        }
    )


def _print_results(results: list[TenantResult], news: str | None, setting: str) -> None:
    rows = [balance_cells(result.tenant, result.balance) for result in results]
    print_table("Balances, October 2026", COLUMNS, rows)
    console = stdout()
    for result in results:
        for fault in (*result.differences, *result.verdict.faults):
            print_error(f"{result.tenant}: {fault}")
    if all(result.holds for result in results):
        console.print("Tokens and amounts equal the independent sum to the last digit.")
        console.print("Every ledger matches its head, and every hash chain is intact.")
        console.print(f"For details: {setting} metering balance {results[0].tenant}")
    if news is not None:
        console.print(news)


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
