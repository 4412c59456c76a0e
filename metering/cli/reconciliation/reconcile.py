"""`metering reconcile`: what was billed, and what the gateway logged, beside the ledgers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.reconciliation.cost_export import cost_rows
from metering.app.reconciliation.reconcile import Asked, day_start
from metering.cli.ingest.event_lines import opened, progress_bar, read_lines, size_of
from metering.cli.options import with_app
from metering.cli.output import AsJson, print_json
from metering.cli.reconciliation.reconcile_tables import (
    logs_json,
    print_logs,
    print_report,
    remaining,
    report_json,
)
from metering.core.basics.instants import DAY, Instant
from metering.core.reconciliation.cost_row import Exact, parse_exact
from metering.core.reconciliation.log_comparison import LogReport
from metering.core.reconciliation.report import Report


def reconcile(  # noqa: PLR0913, PLR0917, one for each option
    actual: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="A Cost Management export, actual cost or FOCUS: .csv or .csv.gz.",
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
    first: Annotated[
        str | None, typer.Option("--from", help="First day (UTC). Default: the file's.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last day (UTC), included. Default: the file's.")
    ] = None,
    tolerance: Annotated[
        str, typer.Option(help="Percent of a line that may be left without explanation.")
    ] = "0",
    currency: Annotated[str, typer.Option(help="The currency to compare in.")] = "USD",
    together: Annotated[
        bool, typer.Option("--together", help="Compare all accounts as one: for pools of backends.")
    ] = False,
    all_lines: Annotated[
        bool, typer.Option("--all", help="Show lines without a difference too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare the ledgers with the bill (--actual), the gateway's logs (--gateway-logs), or both.

    Every difference is explained, line by line, and the explanations add up to it. Exit status 1
    if anything but rounding and lateness is left. Nothing is written.

    Example:  metering reconcile --actual part_0_0001.csv.gz --from 2026-11-01 --to 2026-11-18
    """
    if actual is None and gateway_logs is None:
        raise typer.BadParameter("give one of them, or both", param_hint="--actual, --gateway-logs")
    allowed = _percent(tolerance)
    for day, hint in ((first, "--from"), (last, "--to")):
        _instant(day, hint)
    asked = Asked(first, last, currency.upper(), together)

    async def work(app: bootstrap.App) -> tuple[Report | None, LogReport | None]:
        costs = None if actual is None else await _costs(app, actual, asked)
        return costs, None if gateway_logs is None else await _logs(app, gateway_logs, asked)

    costs, logs = with_app(work)
    if as_json:
        shown = {} if costs is None else report_json(costs, allowed, all_lines=all_lines)
        print_json(shown | ({} if logs is None else {"gateway_logs": logs_json(logs)}))
    if costs is not None and not as_json:
        print_report(costs, allowed, all_lines=all_lines)
    if logs is not None and not as_json:
        print_logs(logs, all_lines=all_lines)
    if (costs is not None and remaining(costs, allowed)) or (logs is not None and logs.remains):
        raise typer.Exit(1)


async def _costs(app: bootstrap.App, path: Path, asked: Asked) -> Report:
    with progress_bar(path.name) as progress:
        task = progress.add_task("reading", total=size_of([path]))
        rows = cost_rows(path, asked.currency, lambda read: progress.update(task, completed=read))
        return await app.billing.reconcile.costs(str(path), rows, asked)


async def _logs(app: bootstrap.App, path: Path, asked: Asked) -> LogReport:
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


def _instant(day: str | None, hint: str) -> Instant | None:
    try:
        return None if day is None else day_start(day)
    except ValueError:
        raise typer.BadParameter(
            f"{day!r} is not a day: write it like 2026-11-20", param_hint=hint
        ) from None
