"""`metering statements`: invoices, credit notes, voids and reissues."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import typer

from metering import bootstrap
from metering.cli.auditing import changing
from metering.cli.options import must_know, with_app
from metering.cli.output import AsJson, escape, print_error, print_table, show, stdout
from metering.core.basics.errors import InvariantBroken
from metering.core.billing.statement import Statement
from metering.core.invoices.invoice import MAX_REASON, Invoice
from metering.core.invoices.invoice_proof import InvoiceVerdict
from metering.core.invoices.issuing import Change
from metering.documents.billing.invoices import InvoiceDocument, InvoiceProof

statements = typer.Typer(
    no_args_is_help=True,
    help="Invoices, credit notes, voids and reissues: numbered documents about statements.",
)

Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="A document's number.", show_default=False)
]
Reason = Annotated[str, typer.Option(help="The reason, printed on the document.")]
Author = Annotated[str, typer.Option(help="Who decided it, for the record.")]


@statements.command("issue")
def issue(
    tenant: Annotated[list[str] | None, typer.Option(help="Only this tenant. Repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Issue the invoices and credit notes of closed periods that have none. Safe to repeat.

    The timer `close_periods` and `metering close` do the same. METERING_INVOICE_SERIES is the
    beginning of the numbers, which have no gap.

    Example:  metering statements issue --json
    """

    async def run(app: bootstrap.App) -> list[Invoice]:
        for name in tenant or ():
            await must_know(app, name)
        issuing = app.billing.invoices.issue
        issuing.must_have_series()
        return [one async for one in issuing.run(tenant)]

    issued = changing("invoices.issue", "invoices", {"tenants": tenant}, run)
    _show(issued, as_json=as_json)


@statements.command("list")
def list_documents(
    tenant: Annotated[str, typer.Argument(help="The tenant's id.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """List the documents of TENANT in the order in which they were issued.

    Example:  metering statements list acme --json
    """

    async def read(app: bootstrap.App) -> list[Invoice]:
        await must_know(app, tenant)
        return await app.billing.invoices.issue.of(tenant)

    _show(with_app(read), as_json=as_json)


@statements.command("show")
def show_document(
    number: Number,
    as_format: Annotated[
        Literal["table", "json", "pdf"], typer.Option("--format", help="The output format.")
    ] = "table",
    as_json: AsJson = False,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write to this file instead of standard output."),
    ] = None,
) -> None:
    """Show a document by its NUMBER, or write it as a PDF.

    Example:  metering statements show INV-000001 --format pdf --out invoice.pdf
    """
    chosen = "json" if as_json else as_format
    if out is not None and chosen == "table":
        raise typer.BadParameter("needs --format json or pdf", param_hint="--out")
    found, statement, documents = with_app(lambda app: _read(app, number))
    if chosen == "table":
        _show([found], as_json=False)
        return
    content = (
        f"{json.dumps(InvoiceDocument.of(found).model_dump(), ensure_ascii=False)}\n".encode()
        if chosen == "json"
        else _pdf(found, statement, documents)
    )
    if out is None:
        sys.stdout.buffer.write(content)
    else:
        out.write_bytes(content)


async def _read(app: bootstrap.App, number: str) -> tuple[Invoice, Statement, list[Invoice]]:
    issuing = app.billing.invoices.issue
    found = await issuing.get(number)
    statement = await app.stores.statements.read_statement(found.ledger)
    if statement is None:
        raise InvariantBroken(f"document {number}: its statement {found.ledger} is not there")
    return found, statement, await issuing.of(found.ledger.tenant)


def _pdf(found: Invoice, statement: Statement, documents: list[Invoice]) -> bytes:
    # The writer of PDFs is slow to import.
    from metering.adapters.exports.statement_pdf import invoice_pdf  # noqa: PLC0415

    return invoice_pdf(found, statement, documents)


@statements.command("void")
def void(number: Number, reason: Reason, author: Author = "", as_json: AsJson = False) -> None:
    """Take a document back: issue a void, with a number of its own, that refers to NUMBER.

    Nothing is edited, and the number is never used again.

    Example:  metering statements void INV-000001 --reason "wrong address"
    """
    made = _take("void", number, reason, author)
    _show([made], as_json=as_json)


@statements.command("reissue")
def reissue(
    number: Number, reason: Reason = "", author: Author = "", as_json: AsJson = False
) -> None:
    """Replace a voided document; NUMBER is that of the void, to which the new one refers.

    It has the same lines, under the customer's details and the taxes that hold now.

    Example:  metering statements reissue INV-000002
    """
    made = _take("reissue", number, reason, author)
    _show([made], as_json=as_json)


@statements.command("verify")
def verify(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's documents.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove that no number is missing, and that every document follows from its statement.

    Exit status 1 if anything does not hold. Numbers are checked in every series that is in use.

    Example:  metering statements verify --json
    """

    async def prove(app: bootstrap.App) -> list[InvoiceVerdict]:
        if tenant is not None:
            await must_know(app, tenant)
        names = await app.read.tenants() if tenant is None else [tenant]
        return await app.billing.invoices.verify.run(names, app.settings.invoicing.series)

    found = with_app(prove)
    documents = [InvoiceProof.of(one) for one in found]
    show(documents, lambda: print_document_proofs(found), as_json=as_json)
    if any(one.faults for one in found):
        raise typer.Exit(1)


def print_document_proofs(found: Sequence[InvoiceVerdict]) -> None:
    """Print the verdicts on documents as a table, and their faults."""
    rows = [(one.number, one.tenant, "BROKEN" if one.faults else "holds") for one in found]
    print_table("Documents", ["number", "tenant", "proof"], rows, left=3)
    for one in found:
        for fault in one.faults:
            print_error(f"document {one.number}: {fault}")


def _take(step: Literal["void", "reissue"], number: str, reason: str, author: str) -> Invoice:
    """Take a step about a document, between two entries of the audit log."""
    change = _change(reason, author)

    async def work(app: bootstrap.App) -> Invoice:
        issuing = app.billing.invoices.issue
        taken = issuing.void if step == "void" else issuing.reissue
        return await taken(number, change)

    wanted = {"reason": reason, "author": author}
    return changing(f"invoice.{step}", f"invoice/{number}", wanted, work)


def _change(reason: str, author: str) -> Change:
    for name, text in (("--reason", reason), ("--author", author)):
        if len(text) > MAX_REASON or not text.isprintable():
            raise typer.BadParameter(f"write at most {MAX_REASON} characters", param_hint=name)
    return Change(reason.strip(), author.strip())


def _show(found: list[Invoice], *, as_json: bool) -> None:
    documents = [InvoiceDocument.of(one) for one in found]
    rows = [
        (
            *(one.number, one.kind.replace("_", " "), one.refers_to or "", one.tenant, one.period),
            *(one.net, one.gross, f"{one.payable} {one.currency}"),
        )
        for one in documents
    ]
    columns = ["number", "kind", "refers to", "tenant", "period", "net", "gross", "payable"]

    def table() -> None:
        print_table("Documents", columns, rows, left=5)
        if not rows:
            stdout().print(escape("no documents"))

    show(documents, table, as_json=as_json)
