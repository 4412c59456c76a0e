"""`metering export`: reports as files, with a manifest that says what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from metering import bootstrap
from metering.app.exports.chargeback import Scope
from metering.app.exports.deliver_exports import Progress as Told
from metering.app.exports.deliver_exports import Report, folder_of
from metering.app.exports.export_selection import named_window
from metering.cli.options import instant, must_know, with_app
from metering.cli.output import (
    AsJson,
    count,
    print_json,
    print_table,
    stderr,
    stdout,
)
from metering.core.basics.money import format_amount
from metering.core.exports.chargeback import By
from metering.core.exports.delivery_manifest import Manifest, Window, manifest_json
from metering.core.exports.windows import span_window

export = typer.Typer(no_args_is_help=True, help="Deliver reports as files with a manifest.")

Period = Annotated[
    str | None,
    typer.Option("--period", help="A period like 2026-11: each tenant's own one of that name."),
]
Start = Annotated[
    str | None, typer.Option("--from", help="Instead of a period: from this time on (RFC 3339).")
]
End = Annotated[str | None, typer.Option("--to", help="And before this one.")]
Out = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="A folder for the files. Default: METERING_EXPORTS."),
]
Only = Annotated[str | None, typer.Option("--tenant", help="Only this tenant.")]
Gzip = Annotated[bool, typer.Option("--gzip", help="Compress the CSV files.")]

type MakeReport = Callable[[bootstrap.App, Told], Report]


@export.command("chargeback")
def chargeback(  # noqa: PLR0913, PLR0917, the options of a command
    period: Period = None,
    start: Start = None,
    end: End = None,
    by: Annotated[By, typer.Option(help="What the rows are by, beside the model.")] = "product",
    tenant: Only = None,
    out: Out = None,
    gzip: Gzip = False,
    as_json: AsJson = False,
) -> None:
    """Deliver tokens, calls, callers and amounts by product (or tenant, or use case) and model.

    Amounts are the calls' own, before allowances, tiers and fees. A run over the same usage gives
    the same files.

    Example:  metering export chargeback --period 2026-11 --out reports
    """
    scope = Scope(window_for(period, start, end), tenant, by)

    def make(app: bootstrap.App, progress: Told) -> Report:
        return app.billing.reports.chargeback(scope, progress)

    deliver(make, tenant=tenant, out=out, gzip=gzip, as_json=as_json)


@export.command("focus")
def focus(
    period: Period = None,
    start: Start = None,
    end: End = None,
    tenant: Only = None,
    out: Out = None,
    gzip: Gzip = False,
    as_json: AsJson = False,
) -> None:
    """Deliver what closed periods were charged as FOCUS 1.2: one CSV file, all tenants in it.

    Its BilledCost adds up to the statements. By --from and --to: what was closed in that time. By
    --period the manifest names the tenants whose period is not closed yet.

    Example:  metering export focus --period 2026-11 --out reports
    """
    window = window_for(period, start, end)

    def make(app: bootstrap.App, progress: Told) -> Report:
        return app.billing.reports.focus(window, tenant, progress)

    deliver(make, tenant=tenant, out=out, gzip=gzip, as_json=as_json)


@export.command("statement")
def statement(
    period: Period = None,
    start: Start = None,
    end: End = None,
    tenant: Only = None,
    out: Out = None,
    gzip: Gzip = False,
    as_json: AsJson = False,
) -> None:
    """Deliver the statements of closed periods: JSON, CSV and a page to print for each tenant.

    By --from and --to: those that were closed in that time.

    Example:  metering export statement --period 2026-11 --out reports
    """
    window = window_for(period, start, end)

    def make(app: bootstrap.App, progress: Told) -> Report:
        return app.billing.reports.statement(window, tenant, progress)

    deliver(make, tenant=tenant, out=out, gzip=gzip, as_json=as_json)


def window_for(period: str | None, start: str | None, end: str | None) -> Window:
    """Return what an export is about; a usage error if it is said in no way or in two."""
    if period is not None and start is None and end is None:
        return named_window(period)
    since, until = instant(start, "--from"), instant(end, "--to")
    if period is not None or since is None or until is None:
        raise typer.BadParameter("say --period, or --from and --to")
    return span_window(since, until)


def deliver(
    make: MakeReport, *, tenant: str | None, out: Path | None, gzip: bool, as_json: bool
) -> None:
    """Deliver a report and print the manifest."""

    async def work(app: bootstrap.App) -> Manifest:
        if tenant is not None:
            await must_know(app, tenant)
        exports = app.billing.exports if out is None else app.billing.exports_to(out)
        console = stderr()
        bar = Progress(
            TextColumn("reading"),
            BarColumn(),
            TextColumn("{task.completed:,} pages"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        with bar:
            task = bar.add_task("reading", total=None)
            report = make(app, lambda pages: bar.advance(task, pages))
            return await exports.deliver(report, gzip=gzip)

    manifest = with_app(work)
    if as_json:
        print_json(manifest_json(manifest))
    else:
        _print(manifest, out)


def _print(manifest: Manifest, out: Path | None) -> None:
    folder = f"METERING_EXPORTS/{folder_of(*manifest.identity)}" if out is None else str(out)
    title = f"{manifest.kind} {manifest.window.name}, in {folder}"
    rows = [[one.name, count(one.rows), count(one.bytes), one.sha256] for one in manifest.files]
    print_table(title, ["file", "rows", "bytes", "SHA-256"], rows)
    for currency, amount in sorted(manifest.totals.items()):
        stdout().print(f"total: {format_amount(amount)} {currency}")
