"""`metering unit-cost`: unit costs of outcomes by use case, with their targets."""

from fractions import Fraction
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.app.costs.costs import CostReport
from metering.app.reports.unit_economics import UnitCosts
from metering.cli.options import PeriodName, Tenant, period_for, with_app
from metering.cli.output import AsJson, count, plural, print_table, show, stdout
from metering.core.basics.money import format_read
from metering.core.calendars.periods import Period, days_between
from metering.core.costs.query import cost_query
from metering.core.reports.unit_economics import (
    RATIO_DECIMALS,
    OutcomeCost,
    UseCase,
    shown,
    shown_cost,
)
from metering.documents.reports.unit_costs import EfficiencyReport, UnitCostsDocument

_COLUMNS: Final = [
    *("use case", "outcome", "status", "outcomes", "cost", "per outcome", "target"),
    *("requests", "per request", "cached", "out/in"),
]
_MAX_GROUPS: Final = 1_000
#: Marks a cost that is a lower bound.
_AT_LEAST: Final = "≥ "


def unit_cost(
    tenant: Tenant,
    period: PeriodName = None,
    by: Annotated[
        str | None,
        typer.Option(
            help="Instead of outcomes: prompt efficiency by model, deployment, end_user and other"
            " dimensions, and week."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the unit cost of each outcome of TENANT's use cases, and whether it meets its target.

    Outcomes are events of type business.outcome.v1. Targets are part of the plan. Costs are those
    of the requests, before allowances, tiers and fees. A low share of cached input or a high output
    ratio points to a prompt that can be improved.

    With --by, groups have their share of provisioned hours too.

    Example:  metering unit-cost acme --period 2026-11 --by week,model
    """
    if by is not None:
        _efficiency(tenant, period, by, as_json=as_json)
        return

    async def ask(app: bootstrap.App) -> tuple[Period, UnitCosts]:
        of = await period_for(app, tenant, period)
        return of, await app.unit_economics.of_period(tenant, of)

    of, found = with_app(ask)
    document = UnitCostsDocument.of(tenant, of, found)
    title = f"{tenant}, {of.name}, {found.currency}"
    show(document, lambda: _print(title, found), as_json=as_json)


def _efficiency(tenant: str, period: str | None, by: str, *, as_json: bool) -> None:
    async def ask(app: bootstrap.App) -> CostReport:
        of = await period_for(app, tenant, period)
        names = tuple(name.strip() for name in by.split(","))
        query = cost_query(days_between(of.start, of.end), names, (("tenant", tenant),))
        return await app.costs.of(query, _MAX_GROUPS)

    found = EfficiencyReport.of(tenant, with_app(ask))
    columns = [*found.by, "requests", "amount", "hours", "per request", "cached", "out/in"]
    rows = [
        [
            *("-" if name is None else name for name in one.group.values()),
            count(one.requests),
            f"{one.amount} {one.currency}",
            one.hours,
            one.cost_per_request or "-",
            one.cache_hit_ratio or "-",
            one.output_ratio or "-",
        ]
        for one in found.items
    ]
    title = f"{tenant}, {found.first_day} to {found.end_day} (exclusive)"
    show(found, lambda: print_table(title, columns, rows, left=len(found.by)), as_json=as_json)


def _print(title: str, found: UnitCosts) -> None:
    rows = [_row(case, one, found.currency) for case in found.use_cases for one in case.outcomes]
    print_table(title, _COLUMNS, rows, left=3)
    unknown = sum(case.line.unpriced + case.line.missing for case in found.use_cases)
    if unknown:
        stdout().print(
            f"{plural(unknown, 'request')} without a price or counts: costs are lower bounds"
        )


def _row(case: UseCase, one: OutcomeCost, currency: str) -> list[str]:
    mark = _AT_LEAST if case.is_at_least else ""
    return [
        "-" if case.name is None else case.name,
        one.outcome or "-",
        one.status.value.replace("_", " "),
        count(one.number),
        "unknown" if case.line.is_unknown else f"{mark}{format_read(case.amount, currency)}",
        _cost(one.cost, mark),
        "-" if one.target is None else one.target.cost,
        count(case.line.requests),
        _cost(case.cost_per_request, mark),
        _ratio(case.cache_hit_ratio),
        _ratio(case.output_ratio),
    ]


def _cost(cost: Fraction | None, mark: str) -> str:
    return "-" if cost is None else f"{mark}{shown_cost(cost)}"


def _ratio(ratio: Fraction | None) -> str:
    return "-" if ratio is None else shown(ratio, RATIO_DECIMALS)
