"""`metering balance`, `metering usage` and `metering verify`: what is in the ledgers."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.billing.charges import charge_json, print_charge
from metering.cli.credit.grant_tables import credit_line, credits_json
from metering.cli.options import PeriodName, Tenant, period_for, with_app
from metering.cli.output import (
    AsJson,
    count,
    line_json,
    print_json,
    print_table,
    stdout,
    tokens,
    used,
)
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_amount
from metering.core.billing.balance import Balance
from metering.core.calendars.periods import Period
from metering.core.credit.credit import CreditBalance
from metering.core.reports.breakdown import GROUPS


def balance(tenant: Tenant, period: PeriodName = None, as_json: AsJson = False) -> None:
    """Show what TENANT has used in a period and what it comes to.

    Example:  metering balance acme --period 2026-11 --json
    """
    found, of, credit = with_app(lambda app: _balance(app, tenant, period))
    if as_json:
        told = {} if credit is None else {"credits": credits_json(credit)}
        print_json(balance_json(tenant, of, found) | told)
        return
    print_balance(tenant, of, found)
    if credit is not None:
        stdout().print(credit_line(credit))


async def _balance(
    app: bootstrap.App, tenant: str, name: str | None
) -> tuple[Balance, Period, CreditBalance | None]:
    """Return a period's balance, and the credit as of now of a tenant that has any grants."""
    period = await period_for(app, tenant, name)
    found = await app.read.balance(tenant, period)
    has_grants = app.tenancy.directory.grants(tenant)
    return found, period, await app.credits.of(tenant) if has_grants else None


def balance_json(tenant: str, period: Period, found: Balance) -> dict[str, object]:
    """Return a balance as JSON values."""
    head = found.head
    return {
        "tenant": tenant,
        "period": period.name,
        "currency": found.currency,
        **line_json(found.total, found.amount),
        "total": format_amount(found.charge.total),
        "charges": charge_json(found.charge),
        "duplicates": head.diagnostics.duplicates,
        "conflicts": head.diagnostics.conflicts,
        "pending": {"requests": found.held_requests, "amount": format_amount(found.held_amount)},
        "models": [
            {"model": model.model, **line_json(model.line, model.amount, model.unit)}
            for model in found.models
        ],
        "ledger": str(head.ledger),
        "pages": head.pages,
        "entries": head.entries,
        "last_hash": head.last_hash,
        "as_of": format_instant(head.committed) if head.committed else None,
    }


def print_balance(tenant: str, period: Period, found: Balance) -> None:
    """Print a balance for a person."""
    rows = [
        (
            model.model or "(not named)",
            count(model.line.requests),
            used(model.line.tokens, model.unit),
            "unknown"
            if model.amount is None
            else f"{format_amount(model.amount)} {found.currency}",
        )
        for model in found.models
    ]
    total = f"{format_amount(found.amount)} {found.currency}"
    rows.append(("total", count(found.total.requests), tokens(found.total.tokens), total))
    columns = ["model", "requests", "tokens", "amount"]
    print_table(f"{tenant}, {period.name}", columns, rows)
    if found.plan.period_terms:
        print_charge(found.charge)
    notes = [
        (found.total.unpriced, "without a price: counted, not in the amount"),
        (found.total.missing, "whose counts are missing"),
        (
            found.total.totals_only,
            "counted from logs: input that may have been cached at full price",
        ),
        (found.total.not_billable, "not billable: refused or failed"),
        (found.held_requests, "streams waiting for their counts"),
        (found.head.diagnostics.duplicates, "duplicates recognised"),
        (found.head.diagnostics.conflicts, "with a known id and other content"),
    ]
    for number, meaning in notes:
        if number:
            stdout().print(f"{count(number)} {meaning}")


def usage(
    tenant: Tenant,
    period: PeriodName = None,
    group_by: Annotated[
        str, typer.Option(help="Comma-separated: " + ", ".join(GROUPS) + ".")
    ] = "day,model",
    as_json: AsJson = False,
) -> None:
    """Break down what TENANT has used, by day, model and more.

    Example:  metering usage acme --group-by model,use_case
    """
    names = tuple(name.strip() for name in group_by.split(","))
    for name in names:
        if name not in GROUPS:
            known = ", ".join(GROUPS)
            raise typer.BadParameter(f"{name!r} is not one of {known}", param_hint="--group-by")

    async def read(app: bootstrap.App) -> list[dict[str, object]]:
        of = await period_for(app, tenant, period)
        rows = await app.read.usage(tenant, of, names)
        return [
            {**dict(zip(names, row.group, strict=True)), **line_json(row.line, row.amount)}
            for row in rows
        ]

    found = with_app(read)
    if as_json:
        print_json(found)
        return
    print_table(
        f"Usage of {tenant}",
        [*names, "requests", "tokens", "amount"],
        [_usage_row(row, names) for row in found],
        left=len(names),
    )


def _usage_row(row: dict[str, object], names: tuple[str, ...]) -> list[str]:
    groups = [str(row[name]) if row[name] is not None else "-" for name in names]
    spent = row["tokens"]
    total = sum(spent.values()) if isinstance(spent, dict) else 0
    amount = "unknown" if row["amount"] is None else str(row["amount"])
    return [*groups, str(row["requests"]), count(total), amount]
