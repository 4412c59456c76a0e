"""`metering statement`: the amount that a tenant owes for a closed period."""

import json
import sys
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import typer

from metering import bootstrap
from metering.app.billing.statements import Preview
from metering.cli.allocation.accrued import print_shares
from metering.cli.options import PeriodName, Tenant, period_for, with_app
from metering.cli.output import AsJson, count, plural, print_table, stdout
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_read
from metering.core.billing.statement import Statement, StatementLine
from metering.core.billing.statement_csv import statement_csv
from metering.core.billing.statement_json import quantity_of, unit_price_of
from metering.core.invoices.invoice import Terms
from metering.core.prices.price_book import TOKEN
from metering.core.tenancy.customers import Customer
from metering.documents.billing.statements import StatementDocument


def statement(
    tenant: Tenant,
    period: PeriodName = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Draft for an open period, with its usage so far.")
    ] = False,
    as_format: Annotated[
        Literal["table", "json", "csv", "html", "pdf"],
        typer.Option("--format", help="The output format."),
    ] = "table",
    as_json: AsJson = False,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write to this file instead of standard output."),
    ] = None,
) -> None:
    """Show the statement of TENANT for a closed period.

    Example:  metering statement acme --period 2026-11 --json
    """
    chosen = "json" if as_json else as_format
    if out is not None and chosen == "table":
        raise typer.BadParameter("needs --format json, csv, html or pdf", param_hint="--out")
    found = with_app(lambda app: _read(app, tenant, period, preview=preview))
    if chosen == "table":
        print_statement(found.statement, is_draft=preview)
        if found.draft is not None:
            print_shares("Accrued in this period, billed by a later statement", found.draft.later)
        return
    content = _content(found, chosen)
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)


class _Found(NamedTuple):
    """A statement, and what paper states beside it."""

    statement: Statement
    terms: Terms
    customer: Customer
    draft: Preview | None
    """The draft of an open period."""


async def _read(app: bootstrap.App, tenant: str, period: str | None, *, preview: bool) -> _Found:
    draft: Preview | None = None
    if preview:
        of = await period_for(app, tenant, period)
        if period is None and await app.billing.statements.of(tenant, of) is not None:
            # The last one with usage is closed: what is open is the present one.
            of = await app.read.present_period(tenant)
        draft = await app.billing.statements.draft(tenant, of)
    statement = await _closed(app, tenant, period) if draft is None else draft.statement
    customer = app.tenancy.directory.customers.of(tenant)
    return _Found(statement, app.billing.invoices.terms, customer, draft)


async def _closed(app: bootstrap.App, tenant: str, period: str | None) -> Statement:
    """Return the statement of a period, by default the last one."""
    of = await period_for(app, tenant, period)
    found = await (
        app.billing.statements.latest(tenant)
        if period is None
        else app.billing.statements.of(tenant, of)
    )
    if found is None:
        is_over = app.clock.now() >= of.end
        state = "has ended and is not closed" if is_over else "has not ended"
        remedy = "run `metering close`, or use --preview" if is_over else "use --preview"
        raise ConfigurationError(
            f"tenant {tenant!r}: period {of.name} {state} (end: {format_instant(of.end)}): {remedy}"
        )
    return found


def _content(found: _Found, chosen: str) -> bytes:
    statement, terms, customer, draft = found
    is_draft = draft is not None
    if chosen == "json":
        of = StatementDocument.of(statement) if draft is None else StatementDocument.of_draft(draft)
        return f"{json.dumps(of.model_dump(), ensure_ascii=False)}\n".encode()
    if chosen == "csv":
        return statement_csv(statement, is_draft=is_draft).encode()
    # The template engine and the writer of PDFs are slow to import.
    if chosen == "pdf":
        from metering.adapters.exports.statement_pdf import statement_pdf  # noqa: PLC0415

        return statement_pdf(statement, terms, customer, is_draft=is_draft)
    from metering.adapters.exports.statement_page import statement_page  # noqa: PLC0415

    return statement_page(statement, is_draft=is_draft).encode()


def print_statement(found: Statement, *, is_draft: bool) -> None:
    """Print a statement as a table."""
    kind = "draft statement" if is_draft else f"statement {found.number}"
    rows = [
        (
            line.kind.replace("_", " "),
            _item(line),
            _quantity(line),
            unit_price_of(line) or "",
            format_read(line.rounded, found.currency),
        )
        for line in found.lines
    ]
    rows.append(("total", "", "", "", format_read(found.total, found.currency)))
    columns = ["line", "item", "quantity", "unit price", found.currency]
    print_table(f"{found.ledger.tenant}, {found.period.name}: {kind}", columns, rows, left=2)
    exact = sum(line.amount for line in found.lines if line.kind != "rounding")
    if exact and not found.total:
        stdout().print(f"{format_read(exact, found.currency)} {found.currency} before rounding")
    notes = (
        (found.open.pending, "whose token counts had not arrived"),
        (found.open.unpriced, "without a price, not in the total"),
        (found.open.missing, "whose token counts never arrived, not in the total"),
        (found.from_cache, "answered from the gateway's cache, at no charge"),
    )
    for number, meaning in notes:
        if number:
            stdout().print(f"{plural(number, 'request')} {meaning}")


def _item(line: StatementLine) -> str:
    hours = f"{line.term} hours" if line.kind == "ptu_share" else None
    parts = (
        hours,
        line.model,
        line.bucket,
        line.charge_period,
        line.reference,
        line.reason,
        line.author,
    )
    return ", ".join(one for one in parts if one) or line.term or ""


def _quantity(line: StatementLine) -> str:
    quantity = quantity_of(line)
    if quantity is None or line.unit == "period":
        return ""
    shown = count(quantity) if isinstance(quantity, int) else quantity
    # Units of other meters are named by their operators.
    unit = "tokens" if line.unit == TOKEN and shown != "1" else line.unit
    return f"{shown} {unit}"
