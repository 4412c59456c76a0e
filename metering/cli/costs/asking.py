"""The options of commands about costs, and the question that they ask."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.periods import Days, day_at, parse_month
from metering.core.costs.query import BY, NAMES, CostQuery, cost_query, month_days

By = Annotated[str, typer.Option(help=f"Comma-separated: {', '.join(BY)}.")]
Month = Annotated[
    str | None, typer.Option("--period", help="A UTC month. Default: the present one until today.")
]
First = Annotated[str | None, typer.Option("--from", help="The first UTC day.")]
End = Annotated[str | None, typer.Option("--to", help="The UTC day after the last one.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        help="DIMENSION=NAME, such as account=eu-ai; empty: usage that names none. Repeatable.",
    ),
]
Rows = Annotated[
    int, typer.Option("--limit", min=1, max=5_000, help="Groups; the others are one row.")
]


def asked(
    app: bootstrap.App,
    by: str,
    period: str | None,
    days: tuple[str | None, str | None],
    only: list[str] | None,
) -> CostQuery:
    """Return the question that options ask; a usage error names a wrong one."""
    try:
        names = tuple(name.strip() for name in by.split(","))
        return cost_query(_days(app, period, *days), names, tuple(map(_only, only or ())))
    except ConfigurationError as fault:
        raise typer.BadParameter(str(fault)) from None


def _days(app: bootstrap.App, period: str | None, first: str | None, end: str | None) -> Days:
    if period is None and first is None and end is None:
        return month_days(app.clock.now())
    if period is not None:
        if first is not None or end is not None:
            raise ConfigurationError("give either --period, or --from and --to")
        return days_of_month(period)
    if first is None or end is None:
        raise ConfigurationError("give both --from and --to")
    return Days(first, end)


def days_of_month(name: str) -> Days:
    """Return the days of a UTC month by name; ConfigurationError for another text."""
    try:
        month = parse_month(name)
    except ValueError as fault:
        raise ConfigurationError(f"period {fault}") from None
    return Days(day_at(month.start), day_at(month.end))


def _only(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals or name not in NAMES:
        raise ConfigurationError(f"only: write one of {', '.join(NAMES)}, = and a name: {text!r}")
    return name, value or None
