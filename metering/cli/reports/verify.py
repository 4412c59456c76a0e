"""`metering verify`: verify ledgers and statements."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from metering import bootstrap
from metering.app.billing.derive_statements import DeriveStatements
from metering.app.billing.statements import StatementVerdict
from metering.app.reports.verify import Verdict
from metering.app.reports.verify_store import Proven
from metering.cli.invoices.statements import print_document_proofs
from metering.cli.options import must_know, with_app
from metering.cli.output import AsJson, count, print_error, print_table, show
from metering.core.allocation.allocation import Allocation
from metering.core.basics.money import format_amount
from metering.core.invoices.invoice_proof import InvoiceVerdict
from metering.documents.billing.invoices import InvoiceProof
from metering.documents.reports.proofs import (
    AllocationProof,
    LedgerProof,
    RecordsProof,
    StatementProof,
    record_proofs,
)


def verify(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's ledgers.")] = None,
    statement: Annotated[
        bool,
        typer.Option("--statement", help="Also derive every statement and document again."),
    ] = False,
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Also compare with every anchor in METERING_ANCHORS.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify every ledger: pages, hashes, totals, and that no id counts twice.

    Also: tokens, kinds, times, subjects and unit prices of every entry; effects; rollups; the
    chains of the registry, of statements and of their documents; price versions; accounts; and the
    positions that statements billed. Ids are compared over all ledgers that are read, so those of
    two tenants only without TENANT. What a store lacks consistently at its end only --anchored can
    tell. Exit status 1 if anything does not hold. With --json, checks of records are listed if they
    fail or an option asks for more.

    Example:  metering verify acme --statement --anchored
    """

    async def prove(app: bootstrap.App) -> Found:
        if tenant is not None:
            await must_know(app, tenant)
        if not statement:
            return Found(await app.verify_store.run(tenant, anchored=anchored))
        deriving = DeriveStatements(app.billing.statements)
        proven = await app.verify_store.run(tenant, anchored=anchored, told=deriving.add)
        names = await app.read.tenants() if tenant is None else [tenant]
        statements = await deriving.verdicts(names)
        shared = {
            (allocation.deployment, allocation.month): allocation
            for one in statements
            for allocation in one.allocations
        }
        proofs = [(one, await app.billing.allocate.proof(one)) for one in shared.values()]
        invoices = await app.billing.invoices.verify.run(names, app.settings.invoicing.series)
        return Found(proven, statements, proofs, invoices)

    found = with_app(prove)
    is_whole = statement or anchored
    documents = [
        *(LedgerProof.of(one) for one in found.proven.ledgers),
        *(one for one in record_proofs(found.proven) if is_whole or not one.holds),
        *(StatementProof.of(one) for one in found.statements),
        *(AllocationProof.of(allocation, faults) for allocation, faults in found.allocations),
        *(InvoiceProof.of(one) for one in found.documents),
    ]

    def tables() -> None:
        _print_verdicts(found.proven.ledgers)
        _print_records(record_proofs(found.proven))
        _print_proofs(found.statements)
        _print_allocations(found.allocations)
        if found.documents:
            print_document_proofs(found.documents)

    show(documents, tables, as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)


class Found(NamedTuple):
    """The proofs of a run."""

    proven: Proven
    statements: Sequence[StatementVerdict] = ()
    allocations: Sequence[tuple[Allocation, list[str]]] = ()
    documents: Sequence[InvoiceVerdict] = ()

    @property
    def holds(self) -> bool:
        """True if every proof holds."""
        return self.proven.holds and not (
            any(one.faults for one in self.statements)
            or any(faults for _, faults in self.allocations)
            or any(one.faults for one in self.documents)
        )


def _print_records(proofs: Sequence[RecordsProof]) -> None:
    rows = [
        (one.records_of, "holds" if one.holds else "BROKEN", one.checks, count(one.records))
        for one in proofs
    ]
    print_table("Records", ["records of", "proof", "what is checked", "records"], rows, left=3)
    for one in proofs:
        for fault in one.faults:
            print_error(f"{one.records_of}: {fault}")


def _print_allocations(proofs: Sequence[tuple[Allocation, list[str]]]) -> None:
    if not proofs:
        return
    rows = [
        (
            allocation.deployment,
            allocation.month.name,
            "BROKEN" if faults else "holds",
            format_amount(allocation.cost),
        )
        for allocation, faults in proofs
    ]
    columns = ["deployment", "month", "proof", "cost"]
    print_table("Allocated cost of provisioned capacity", columns, rows, left=3)
    for allocation, faults in proofs:
        for fault in faults:
            print_error(f"allocation {allocation.deployment} {allocation.month.name}: {fault}")


def _print_proofs(verdicts: Sequence[StatementVerdict]) -> None:
    if not verdicts:
        return
    rows = [
        (
            one.ledger.tenant,
            one.period,
            "BROKEN" if one.faults else "holds",
            format_amount(one.total),
        )
        for one in verdicts
    ]
    print_table("Statements", ["tenant", "period", "proof", "total"], rows, left=3)
    for one in verdicts:
        for fault in one.faults:
            print_error(f"statement {one.ledger}: {fault}")


def _print_verdicts(verdicts: Sequence[Verdict]) -> None:
    rows = [
        (
            str(verdict.ledger),
            "BROKEN" if verdict.faults else "holds",
            count(verdict.pages),
            count(verdict.entries),
            format_amount(verdict.amount),
        )
        for verdict in verdicts
    ]
    print_table("Ledgers", ["ledger", "proof", "pages", "entries", "amount"], rows, left=2)
    for verdict in verdicts:
        for fault in verdict.faults:
            print_error(f"ledger {verdict.ledger}: {fault}")
