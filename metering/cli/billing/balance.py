"""`metering balance` and `metering usage`: committed usage and its cost."""

from typing import Annotated, NamedTuple

import typer

from metering import bootstrap
from metering.cli.allocation.accrued import print_accrued
from metering.cli.billing.charges import print_charge
from metering.cli.credit.grant_tables import credit_line
from metering.cli.options import PeriodName, Tenant, period_for, with_app
from metering.cli.output import (
    AsJson,
    count,
    plural,
    print_table,
    show,
    stdout,
    tokens,
    used,
)
from metering.core.allocation.accrued import Accrued
from metering.core.basics.instants import Instant
from metering.core.basics.money import format_read, parse_amount
from metering.core.billing.balance import Balance
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window
from metering.core.credit.credit import CreditBalance
from metering.core.ledger.target_mark import target_passed
from metering.core.reports.breakdown import GROUPS
from metering.documents.billing.balance import BalanceDocument
from metering.documents.reports.usage import UsageRow


def balance(tenant: Tenant, period: PeriodName = None, as_json: AsJson = False) -> None:
    """Show the usage of TENANT in a period and its charge.

    Example:  metering balance acme --period 2026-11 --json
    """
    read = with_app(lambda app: _balance(app, tenant, period))
    document = BalanceDocument.of_period(
        tenant,
        read.period,
        read.balance,
        credit=read.credit,
        accrued=read.accrued,
        now=read.at,
    )
    show(document, lambda: _print(tenant, read), as_json=as_json)


class _Read(NamedTuple):
    """A balance, with the credit of a tenant that has grants or is prepaid."""

    at: Instant
    period: Period
    balance: Balance
    credit: CreditBalance | None
    accrued: Accrued


async def _balance(app: bootstrap.App, tenant: str, name: str | None) -> _Read:
    period = await period_for(app, tenant, name)
    now = app.clock.now()
    found = await app.read.balance(tenant, period)
    accrued = await app.accruals.in_period(tenant, period)
    return _Read(now, period, found, await app.credits.where_used(tenant), accrued)


def _print(tenant: str, read: _Read) -> None:
    print_balance(tenant, read.period, read.balance)
    print_accrued(read.accrued, read.period)
    if read.credit is not None:
        stdout().print(credit_line(read.credit))


def print_balance(tenant: str, period: Period, found: Balance) -> None:
    """Print a balance as tables."""
    rows = [
        (
            model.model or "(not named)",
            count(model.line.requests),
            used(model.line.tokens, model.unit),
            "unknown"
            if model.amount is None
            else f"{format_read(model.amount, found.currency)} {found.currency}",
        )
        for model in found.models
    ]
    amount = f"{format_read(found.amount, found.currency)} {found.currency}"
    rows.append(("total", count(found.total.requests), tokens(found.total.tokens), amount))
    columns = ["model", "requests", "tokens", "amount"]
    print_table(f"{tenant}, {period.name}", columns, rows)
    if found.plan.period_terms:
        print_charge(found.charge)
    total, diagnostics = found.total, found.head.diagnostics
    notes = [
        (total.unpriced, "request", "without a price, not in the amount"),
        (total.missing, "request", "whose token counts never arrived"),
        (total.totals_only, "request", "counted from logs, at the full input price"),
        (total.recovered, "request", "of these recovered from logs alone: no policy reported it"),
        (total.estimated, "request", "whose counts are an estimate of its producer"),
        (total.aggregates, "sum", "over many requests, by a platform's own counter"),
        (total.from_cache, "request", "answered from the gateway's cache, at no charge"),
        (total.not_billable - total.from_cache, "request", "not billable: rejected or failed"),
        (found.held_requests, "stream", "waiting for token counts"),
        (diagnostics.duplicates, "duplicate", "not counted again"),
        (diagnostics.conflicts, "event", "with a known id and different content"),
    ]
    for number, noun, meaning in notes:
        if number:
            stdout().print(f"{plural(number, noun)} {meaning}")
    past = found.head.counts.past
    for mark in () if past is None else past.targets:
        stdout().print(target_passed(mark, found.currency), markup=False)


def usage(
    tenant: Tenant,
    period: PeriodName = None,
    group_by: Annotated[
        str, typer.Option(help="Comma-separated: " + ", ".join(GROUPS) + ".")
    ] = "day,model",
    as_json: AsJson = False,
) -> None:
    """Break down the usage of TENANT by day, model and other dimensions.

    Example:  metering usage acme --group-by model,use_case
    """
    names = tuple(name.strip() for name in group_by.split(","))
    for name in names:
        if name not in GROUPS:
            known = ", ".join(GROUPS)
            raise typer.BadParameter(f"{name!r} is not one of {known}", param_hint="--group-by")

    async def read(app: bootstrap.App) -> tuple[list[UsageRow], Period, Accrued]:
        of = await period_for(app, tenant, period)
        rows = await app.read.usage(tenant, of, names)
        accrued = await app.accruals.in_period(tenant, of)
        shares = accrued.by_name(Window(of.start, of.end))
        return [UsageRow.of_row(row, names, shares) for row in rows], of, accrued

    found, of, accrued = with_app(read)
    columns = [*names, "requests", "tokens", "amount"]
    title = f"Usage of {tenant}, {of.name}, {accrued.currency}"
    rows = [_usage_row(row, accrued.currency) for row in found]

    def tables() -> None:
        print_table(title, columns, rows, left=len(names))
        print_accrued(accrued, of)

    show(found, tables, as_json=as_json)


def _usage_row(row: UsageRow, currency: str) -> list[str]:
    groups = ["-" if value is None else value for value in row.group.values()]
    amount = "unknown" if row.amount is None else format_read(parse_amount(row.amount), currency)
    return [*groups, count(row.requests), count(sum(row.tokens.values())), amount]
