"""`metering export`: reports as files with a manifest."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from metering import bootstrap
from metering.app.exports.chargeback import Scope
from metering.app.exports.cost_export import BY_DEFAULT
from metering.app.exports.deliver_exports import LEFT_OUT, DeliverExports, Report, folder_of
from metering.app.exports.deliver_exports import Progress as OnProgress
from metering.app.exports.export_selection import named_window
from metering.app.exports.provisional_exports import ProvisionalExports, provisional_folder
from metering.bootstrap.exports import table_format
from metering.cli.costs import asking
from metering.cli.options import instant, must_know, with_app
from metering.cli.output import (
    AsJson,
    count,
    print_error,
    print_table,
    show,
    stderr,
    stdout,
)
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_read
from metering.core.exports.chargeback import By
from metering.core.exports.delivery_manifest import Format, Manifest, Window, manifest_json
from metering.core.exports.windows import span_window

export = typer.Typer(no_args_is_help=True, help="Deliver reports as files with a manifest.")

_COSTS_BY: Final = ",".join(BY_DEFAULT)

Period = Annotated[
    str | None,
    typer.Option("--period", help="A period, such as 2026-11, by its name or start."),
]
Start = Annotated[
    str | None,
    typer.Option("--from", help="Instead of a period: the start of a time range (RFC 3339)."),
]
End = Annotated[str | None, typer.Option("--to", help="The end of the time range, exclusive.")]
Out = Annotated[
    Path | None,
    typer.Option(file_okay=False, help="A folder for the files. Default: METERING_EXPORTS."),
]
Only = Annotated[str | None, typer.Option("--tenant", help="Only this tenant.")]
Gzip = Annotated[bool, typer.Option("--gzip", help="Compress the CSV files.")]

InFormat = Annotated[
    Format, typer.Option("--format", help="The format of the table. Parquet needs an extra.")
]

type MakeReport = Callable[[bootstrap.App, OnProgress], Report]


@export.command("chargeback")
def chargeback(  # noqa: PLR0913, PLR0917, the options of a command
    period: Period = None,
    start: Start = None,
    end: End = None,
    by: Annotated[
        By, typer.Option(help="The dimension of the rows, besides the model.")
    ] = "product",
    tenant: Only = None,
    out: Out = None,
    form: InFormat = "csv",
    gzip: Gzip = False,
    as_json: AsJson = False,
) -> None:
    """Deliver tokens, calls, callers and amounts by product, tenant or use case, and model.

    Amounts are those of the calls, before allowances, tiers and fees. The same usage always gives
    the same files.

    Example:  metering export chargeback --period 2026-11 --out reports
    """
    scope = Scope(window_for(period, start, end), tenant, by)

    def make(app: bootstrap.App, progress: OnProgress) -> Report:
        return app.billing.reports.chargeback(scope, progress)

    deliver(make, tenant=tenant, out=out, form=form, gzip=gzip, as_json=as_json)


@export.command("costs")
def export_costs(  # noqa: PLR0913, PLR0917, the options of a command
    by: asking.By = _COSTS_BY,
    period: asking.Month = None,
    first: asking.First = None,
    end: asking.End = None,
    only: asking.Only = None,
    out: Out = None,
    form: InFormat = "csv",
    gzip: Gzip = False,
    as_json: AsJson = False,
) -> None:
    """Deliver costs and margins of all tenants, by deployment, account, product and more.

    Charged amounts add up to the statements of whole months, before credits. Days are UTC.

    Example:  metering export costs --period 2026-11 --out reports
    """

    def make(app: bootstrap.App, _: OnProgress) -> Report:
        query = asking.asked(app, by, period, (first, end), only)
        start, until = (parse_instant(f"{day}T00:00:00Z") for day in query.days)
        window = Window(period) if period is not None else span_window(start, until)
        return app.billing.reports.costs(window, query)

    deliver(make, tenant=None, out=out, form=form, gzip=gzip, as_json=as_json)


@export.command("focus")
def focus(  # noqa: PLR0913, PLR0917, the options of a command
    period: Period = None,
    start: Start = None,
    end: End = None,
    tenant: Only = None,
    provisional: Annotated[
        bool,
        typer.Option("--provisional", help="With --period: also drafts of what is not closed."),
    ] = False,
    out: Out = None,
    form: InFormat = "csv",
    gzip: Gzip = False,
    as_json: AsJson = False,
) -> None:
    """Deliver the charges of closed periods as FOCUS 1.2, in one CSV file for all tenants.

    BilledCost adds up to the statements. --from and --to select periods by the time at which they
    were closed. With --period the manifest names tenants whose period is not closed yet.

    Example:  metering export focus --period 2026-11 --out reports
    """
    if provisional and period is None:
        raise typer.BadParameter("goes with --period", param_hint="--provisional")
    window = window_for(period, start, end)

    def make(app: bootstrap.App, progress: OnProgress) -> Report:
        return app.billing.reports.focus(window, tenant, progress, provisional=provisional)

    deliver(
        make,
        tenant=tenant,
        out=out,
        form=form,
        gzip=gzip,
        as_json=as_json,
        # A folder of the user's own has no place for generations.
        is_replaced_whole=provisional and out is None,
    )


@export.command("statement")
def statement(  # noqa: PLR0913, PLR0917, the options of a command
    period: Period = None,
    start: Start = None,
    end: End = None,
    tenant: Only = None,
    out: Out = None,
    gzip: Gzip = False,
    as_format: Annotated[
        Literal["files", "pdf"],
        typer.Option("--format", help="JSON, CSV and HTML files, or PDF with the invoices."),
    ] = "files",
    as_json: AsJson = False,
) -> None:
    """Deliver the statements of closed periods as JSON, CSV and printable HTML, by tenant.

    With --format pdf, deliver each as a PDF, and with it the invoices and other documents that were
    issued for it. --from and --to select statements by the time at which they were closed.

    Example:  metering export statement --period 2026-11 --out reports
    """
    window = window_for(period, start, end)

    def make(app: bootstrap.App, progress: OnProgress) -> Report:
        reports = app.billing.reports
        make_report = reports.statement_pdf if as_format == "pdf" else reports.statement
        return make_report(window, tenant, progress)

    deliver(make, tenant=tenant, out=out, gzip=gzip, as_json=as_json)


def window_for(period: str | None, start: str | None, end: str | None) -> Window:
    """Return the window of an export; a usage error unless it is given in exactly one way."""
    if period is not None and start is None and end is None:
        return named_window(period)
    since, until = instant(start, "--from"), instant(end, "--to")
    if period is not None or since is None or until is None:
        raise typer.BadParameter("give either --period, or --from and --to")
    return span_window(since, until)


def deliver(
    make: MakeReport,
    *,
    tenant: str | None,
    out: Path | None,
    form: Format = "csv",
    gzip: bool,
    as_json: bool,
    is_replaced_whole: bool = False,
) -> None:
    """Deliver a report and print the manifest."""
    if gzip and form != "csv":
        raise typer.BadParameter("Parquet files are compressed inside", param_hint="--gzip")
    made_in = table_format(form)

    async def work(app: bootstrap.App) -> Manifest:
        if tenant is not None:
            await must_know(app, tenant)
        exports: DeliverExports | ProvisionalExports
        exports = app.billing.exports if out is None else app.billing.exports_to(out)
        if is_replaced_whole:
            exports = app.billing.provisional_exports
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
            told = (lambda _: None) if bar.disable else (lambda pages: bar.advance(task, pages))
            report = make(app, told)
            return await exports.deliver(report, form=made_in, gzip=gzip)

    manifest = with_app(work)
    show(manifest_json(manifest), lambda: _print(manifest, out), as_json=as_json)
    if LEFT_OUT in manifest.notes:
        print_error(f"left out: {manifest.notes[LEFT_OUT]}: run `metering verify`")
        raise typer.Exit(1)


def _print(manifest: Manifest, out: Path | None) -> None:
    place = folder_of if manifest.generation is None else provisional_folder
    folder = f"METERING_EXPORTS/{place(*manifest.identity)}" if out is None else str(out)
    title = f"{manifest.kind} {manifest.window.name}, in {folder}"
    rows = [[one.name, count(one.rows), count(one.bytes), one.sha256] for one in manifest.files]
    print_table(title, ["file", "rows", "bytes", "SHA-256"], rows)
    for currency, amount in sorted(manifest.totals.items()):
        stdout().print(f"total: {format_read(amount, currency)} {currency}")
