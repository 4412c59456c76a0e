"""`metering unit-cost`: what an outcome costs, by use case, beside its target."""

from fractions import Fraction
from typing import Any, Final

from metering import bootstrap
from metering.app.reports.read import LedgerRead
from metering.app.reports.unit_economics import UnitCosts
from metering.cli.options import PeriodName, Tenant, period_for, with_app
from metering.cli.output import AsJson, count, print_json, print_table, stdout
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import Period
from metering.core.reports.unit_economics import (
    RATIO_DECIMALS,
    OutcomeCost,
    UseCase,
    shown,
    shown_cost,
)

_COLUMNS: Final = [
    *("use case", "outcome", "status", "outcomes", "cost", "of one", "target"),
    *("requests", "of a request", "cached", "out/in"),
]
#: Before a cost that is known in part.
_AT_LEAST: Final = "≥ "


def unit_cost(tenant: Tenant, period: PeriodName = None, as_json: AsJson = False) -> None:
    """Show what each outcome of TENANT's use cases costs, and whether it is within its target.

    Outcomes are events of type business.outcome.v1, targets a part of the plan. The cost is what
    requests come to, before allowances, tiers and fees. A low share of cached input, or much output
    for its input, shows a prompt to look at.

    Example:  metering unit-cost acme --period 2026-11
    """

    async def ask(app: bootstrap.App) -> tuple[Period, UnitCosts]:
        of = await period_for(app, tenant, period)
        return of, await app.unit_economics.of_period(tenant, of)

    of, found = with_app(ask)
    if as_json:
        print_json({"tenant": tenant, "period": of.name, **unit_costs_json(found)})
        return
    rows = [_row(case, one) for case in found.use_cases for one in case.outcomes]
    print_table(f"{tenant}, {of.name}, {found.currency}", _COLUMNS, rows, left=3)
    unknown = sum(case.line.unpriced + case.line.missing for case in found.use_cases)
    if unknown:
        stdout().print(f"{count(unknown)} requests without a price or counts: costs are at least")


def _row(case: UseCase, one: OutcomeCost) -> list[str]:
    mark = _AT_LEAST if case.is_at_least else ""
    return [
        "-" if case.name is None else case.name,
        one.outcome or "-",
        one.status.value.replace("_", " "),
        count(one.number),
        "unknown" if case.line.is_unknown else f"{mark}{format_amount(case.amount)}",
        _cost(one.cost, mark),
        "-" if one.target is None else one.target.cost,
        count(case.line.requests),
        _cost(case.cost_per_request, mark),
        _ratio(case.cache_hit_ratio) or "-",
        _ratio(case.output_ratio) or "-",
    ]


def _cost(cost: Fraction | None, mark: str) -> str:
    return "-" if cost is None else f"{mark}{shown_cost(cost)}"


def _ratio(ratio: Fraction | None) -> str | None:
    return None if ratio is None else shown(ratio, RATIO_DECIMALS)


def unit_costs_json(found: UnitCosts) -> dict[str, Any]:
    """Return unit costs as JSON values: counts as numbers, money and ratios as strings."""
    return {
        "currency": found.currency,
        "use_cases": [_use_case_json(case) for case in found.use_cases],
        "ledgers": [_read_json(of) for of in found.read],
    }


def _use_case_json(case: UseCase) -> dict[str, Any]:
    per_request = case.cost_per_request
    return {
        "use_case": case.name,
        "amount": None if case.line.is_unknown else format_amount(case.amount),
        "is_at_least": case.is_at_least,
        "requests": case.line.requests,
        "unpriced": case.line.unpriced,
        "missing": case.line.missing,
        "totals_only": case.line.totals_only,
        "not_billable": case.line.not_billable,
        "input_tokens": case.input_tokens,
        "output_tokens": case.output_tokens,
        "cost_per_request": None if per_request is None else shown_cost(per_request),
        "cache_hit_ratio": _ratio(case.cache_hit_ratio),
        "output_ratio": _ratio(case.output_ratio),
        "outcomes": [_outcome_json(one) for one in case.outcomes],
    }


def _outcome_json(one: OutcomeCost) -> dict[str, Any]:
    return {
        "outcome": one.outcome,
        "count": one.number,
        "cost_per_outcome": None if one.cost is None else shown_cost(one.cost),
        "target": None if one.target is None else one.target.cost,
        "status": one.status.value,
    }


def _read_json(of: LedgerRead) -> dict[str, Any]:
    return {
        "ledger": str(of.ledger),
        "pages": of.page,
        "rolled_up": of.rolled_up,
        "as_of": _time(of.committed),
        "rolled_up_to": _time(of.rolled_up_to),
    }


def _time(at: Instant | None) -> str | None:
    return None if at is None else format_instant(at)
