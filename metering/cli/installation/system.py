"""`metering demo`: the whole system on this machine, checked to the last digit."""

import asyncio
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from metering.cli.output import (
    AsJson,
    count,
    line_json,
    print_error,
    print_json,
    print_table,
    stderr,
    stdout,
    tokens,
)
from metering.core.basics.money import format_amount
from metering.core.billing.balance import Balance
from metering.local.demo.demo import TenantResult, run_demo
from metering.settings.settings import read_settings

COLUMNS: Final = ["tenant", "requests", "tokens", "amount", "unpriced", "duplicates"]

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
    rows = [balance_cells(result.tenant, result.balance) for result in results]
    print_table("Balances, October 2026", COLUMNS, rows)
    console = stdout()
    for result in results:
        for fault in (*result.differences, *result.verdict.faults):
            print_error(f"{result.tenant}: {fault}")
    if all(result.holds for result in results):
        console.print("Tokens and money equal the independent sum, to the last digit.")
        console.print("Every ledger folds to its head, and its hash chain is whole.")
        console.print(f"Look closer: metering balance {results[0].tenant}")


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
