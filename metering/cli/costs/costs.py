"""`metering costs` and `metering margins`: all tenants, by deployment, product and more."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.app.costs.costs import CostReport
from metering.cli.costs.asking import By, End, First, Month, Only, Rows, asked
from metering.cli.options import with_app
from metering.cli.output import AsJson, count, plural, print_table, show, stdout, tell_left_out
from metering.core.basics.money import Amount, format_fixed, format_read
from metering.core.costs.sums import CostRow, Sums
from metering.documents.costs import CostsDocument

Compare = Annotated[
    bool, typer.Option("--compare/--no-compare", help="With the same time before, unless by time.")
]
_COST_COLUMNS: Final = (
    *("requests", "tokens", "charged", "hours used", "hours idle", "unallocated"),
    *("before", "change", "unpriced"),
)
_MARGIN_COLUMNS: Final = ("requests", "charged", "cost", "margin", "%", "uncosted", "unpriced")
_LOSS: Final = "▼ "
_PERCENT_DECIMALS: Final = 1


def costs(  # noqa: PLR0913, the options of a command
    by: By = "deployment",
    *,
    period: Month = None,
    first: First = None,
    end: End = None,
    only: Only = None,
    limit: Rows = 50,
    compare: Compare = True,
    as_json: AsJson = False,
) -> None:
    """Show what all tenants together are charged, by deployment, account, product and more.

    The hours of provisioned deployments are included, used and idle ones apart. Days are UTC.
    Amounts are rounded here and exact with --json. Currencies are never added up.

    Example:  metering costs --by deployment,account --period 2026-11 --only region=swedencentral
    """
    report = _report(by, (period, first, end), only, limit, compares=compare)
    show(CostsDocument.of(report), lambda: _print(report, _COST_COLUMNS, _cost), as_json=as_json)
    tell_left_out(report.left_out.values())


def margins(
    by: By = "tenant",
    *,
    period: Month = None,
    first: First = None,
    end: End = None,
    only: Only = None,
    limit: Rows = 50,
    as_json: AsJson = False,
) -> None:
    """Show what tenants are charged beside what the company pays, and the difference.

    The company pays list prices less its discounts (`metering discounts`), and the hours of
    provisioned deployments. ▼ marks what costs more than it is charged.

    Example:  metering margins --by tenant,model --period 2026-11
    """
    report = _report(by, (period, first, end), only, limit, compares=False)
    show(
        CostsDocument.of(report), lambda: _print(report, _MARGIN_COLUMNS, _margin), as_json=as_json
    )
    tell_left_out(report.left_out.values())


def _report(
    by: str,
    span: tuple[str | None, str | None, str | None],
    only: list[str] | None,
    limit: int,
    *,
    compares: bool,
) -> CostReport:
    async def ask(app: bootstrap.App) -> CostReport:
        period, *days = span
        query = asked(app, by, period, (days[0], days[1]), only)
        return await app.costs.of(query, limit, compares=compares)

    return with_app(ask)


def _print(
    report: CostReport,
    columns: Iterable[str],
    cells: Callable[[Sums, str, Sums | None, Fraction | None], list[str]],
) -> None:
    by, days = report.query.by, report.query.days
    rows = [
        [*("-" if name is None else name for name in row.group), row.currency, *_row(row, cells)]
        for row in report.rows
    ]
    before = report.totals_before
    for currency, sums in report.totals.items():
        then = None if before is None else before.get(currency, Sums())
        total = CostRow((), currency, sums, then)
        rows.append(["total", *[""] * (len(by) - 1), currency, *_row(total, cells)])
    title = f"All tenants, {days.first} to {days.end} (exclusive)"
    print_table(title, [*by, "currency", *columns], rows, left=len(by) + 1)
    sums = Sums()
    for one in report.totals.values():
        sums.add(one)
    notes = [
        (sums.unpriced, "request", "without a price, in no amount"),
        (sums.missing, "request", "whose token counts never arrived"),
        (sums.uncosted, "request", "priced by a plan alone: the cost is not known"),
        (report.not_whole, "period", "not whole in these days: terms of plans are left out"),
    ]
    for number, noun, meaning in notes:
        if number:
            stdout().print(f"{plural(number, noun)} {meaning}")
    for currency, one in report.totals.items():
        if one.provisional:
            amount = format_read(one.provisional, currency)
            note = "of hours is provisional until the month is closed"
            stdout().print(f"{amount} {currency} {note}")


def _row(
    row: CostRow, cells: Callable[[Sums, str, Sums | None, Fraction | None], list[str]]
) -> list[str]:
    return cells(row.sums, row.currency, row.before, row.change)


def _cost(sums: Sums, currency: str, before: Sums | None, change: Fraction | None) -> list[str]:
    def paid(amount: Amount) -> str:
        return format_read(amount, currency)

    return [
        count(sums.requests),
        count(sums.tokens),
        "unknown" if sums.is_unknown else paid(sums.charged),
        paid(sums.used),
        paid(sums.idle),
        paid(sums.unallocated),
        "-" if before is None else paid(before.charged),
        "-" if change is None else f"{'+' if change > 0 else ''}{_percent(change)} %",
        count(sums.unpriced),
    ]


def _margin(sums: Sums, currency: str, _before: Sums | None, _change: Fraction | None) -> list[str]:
    margin, share = sums.margin, sums.margin_share
    mark = _LOSS if margin is not None and margin < 0 else ""
    return [
        count(sums.requests),
        "unknown" if sums.is_unknown else format_read(sums.charged, currency),
        "unknown" if sums.is_unknown else format_read(sums.cost, currency),
        "unknown" if margin is None else f"{mark}{format_read(margin, currency)}",
        "-" if share is None else _percent(share),
        count(sums.uncosted),
        count(sums.unpriced),
    ]


def _percent(share: Fraction) -> str:
    return format_fixed(round(share * 10 ** (_PERCENT_DECIMALS + 2)), _PERCENT_DECIMALS)
