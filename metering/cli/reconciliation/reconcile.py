"""`metering reconcile`: compare the ledgers with Azure's bill and the gateway's log."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.reconciliation.cost_export import CostExport
from metering.app.ledger.one_by_one import OneByOne
from metering.app.reconciliation.reconcile import Asked, day_start
from metering.cli.ingest.event_lines import opened, progress_bar, read_lines, size_of
from metering.cli.options import with_app
from metering.cli.output import AsJson, show, tell_left_out
from metering.cli.reconciliation.platform_estimate import compare_estimate
from metering.cli.reconciliation.reconcile_tables import print_logs, print_report
from metering.core.basics.instants import DAY, Instant
from metering.core.reconciliation.agreed import Agreed, read_agreed
from metering.core.reconciliation.cost_row import Exact, parse_exact
from metering.core.reconciliation.log_comparison import LogReport
from metering.core.reconciliation.report import Report
from metering.documents.left_out import LeftOutLedger, left_out
from metering.documents.reconciliation import (
    LogComparison,
    LogReconciliation,
    Reconciliation,
    remaining_lines,
)


def reconcile(  # noqa: PLR0913, PLR0917, one for each option
    actual: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="A Cost Management export (actual cost or FOCUS): a .csv, .csv.gz or .parquet"
            " file, or the folder of its parts.",
        ),
    ] = None,
    gateway_logs: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="JSON Lines, as `metering ingest --hub gateway-logs` reads them.",
        ),
    ] = None,
    platform_estimate: Annotated[
        bool,
        typer.Option(
            "--platform-estimate",
            help="Compare aggregates with the AI Gateway's own estimate of their cost, by day and"
            " model. Give --from and --to.",
        ),
    ] = False,
    first: Annotated[
        str | None, typer.Option("--from", help="The first day (UTC). Default: that of the file.")
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", help="The last day (UTC), inclusive. Default: that of the file."),
    ] = None,
    tolerance: Annotated[
        str, typer.Option(help="Unexplained difference to accept, in percent of a line.")
    ] = "0",
    currency: Annotated[str, typer.Option(help="The currency to compare in.")] = "USD",
    together: Annotated[
        bool, typer.Option("--together", help="Compare all accounts as one, for pools of backends.")
    ] = False,
    discount: Annotated[
        list[str] | None,
        typer.Option(
            help="An agreed discount in percent of list prices: 7, or by the meter category of the"
            " export, 'Cognitive Services=7'. May be repeated."
        ),
    ] = None,
    all_lines: Annotated[
        bool, typer.Option("--all", help="Also show lines without a difference.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the ledgers with the bill (--actual), the gateway's logs (--gateway-logs), or both.

    With --platform-estimate, compare them with what the AI Gateway itself estimates.

    Every difference is broken down by cause, line by line. Exit status 1 if more than rounding and
    late data remains, or if a ledger cannot be read: it is named and left out. Writes nothing.

    Example:  metering reconcile --actual part_0_0001.csv.gz --from 2026-11-01 --to 2026-11-18
    """
    if platform_estimate is (actual is not None or gateway_logs is not None):
        raise typer.BadParameter(
            "give one of these options, or the first two",
            param_hint="--actual, --gateway-logs, --platform-estimate",
        )
    allowed = _percent(tolerance)
    for day, hint in ((first, "--from"), (last, "--to")):
        _instant(day, hint)
    if platform_estimate:
        compare_estimate(first, last, as_json=as_json)
        return
    asked = Asked(first, last, currency.upper(), together, _agreed(discount or []))

    async def work(app: bootstrap.App) -> tuple[Report | None, LogReport | None]:
        costs = None if actual is None else await _costs(app, actual, asked, one_by_one)
        if gateway_logs is None:
            return costs, None
        return costs, await _logs(app, gateway_logs, asked, one_by_one)

    one_by_one = OneByOne()
    costs, logs = with_app(work)
    without = left_out(one_by_one.left_out)

    def tables() -> None:
        if costs is not None:
            print_report(costs, allowed, all_lines=all_lines)
        if logs is not None:
            print_logs(logs, all_lines=all_lines)

    document = _document(costs, logs, allowed, without, all_lines=all_lines)
    show(document, tables, as_json=as_json)
    tell_left_out(one.reason for one in without)
    is_left = costs is not None and remaining_lines(costs, allowed)
    if is_left or (logs is not None and logs.remains):
        raise typer.Exit(1)


def _document(
    costs: Report | None,
    logs: LogReport | None,
    tolerance: Exact,
    without: list[LeftOutLedger],
    *,
    all_lines: bool,
) -> Reconciliation | LogReconciliation:
    compared = None if logs is None else LogComparison.model_validate(logs)
    if costs is not None:
        return Reconciliation.of(
            costs, tolerance, all_lines=all_lines, logs=compared, left_out=without
        )
    assert compared is not None
    return LogReconciliation(gateway_logs=compared, left_out=without)


async def _costs(app: bootstrap.App, path: Path, asked: Asked, one_by_one: OneByOne) -> Report:
    export = CostExport(path)
    with progress_bar(path.name) as progress:
        task = progress.add_task("reading", total=size_of(export.files))
        rows = export.rows(asked.currency, lambda read: progress.update(task, completed=read))
        return await app.billing.reconcile.costs(str(path), rows, asked, one_by_one)


async def _logs(app: bootstrap.App, path: Path, asked: Asked, one_by_one: OneByOne) -> LogReport:
    with opened(path) as stream, progress_bar(path.name) as progress:
        task = progress.add_task("reading", total=size_of([path]))

        def bodies() -> Iterator[bytes]:
            for _, body in read_lines(stream):
                progress.advance(task, len(body) + 1)
                yield body.strip()

        end = _instant(asked.last, "--to")
        return await app.billing.reconcile_logs.compare(
            str(path),
            bodies(),
            one_by_one,
            start=_instant(asked.first, "--from"),
            end=None if end is None else end + DAY,
        )


def _percent(text: str) -> Exact:
    try:
        found = parse_exact(text).value
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--tolerance") from None
    if found < 0:
        raise typer.BadParameter(f"{text!r} is negative", param_hint="--tolerance")
    return found


def _agreed(texts: list[str]) -> Agreed:
    try:
        return read_agreed(texts)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--discount") from None


def _instant(day: str | None, hint: str) -> Instant | None:
    try:
        return None if day is None else day_start(day)
    except ValueError:
        raise typer.BadParameter(
            f"{day!r} is not a day such as 2026-11-20", param_hint=hint
        ) from None
