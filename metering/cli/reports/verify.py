"""`metering verify`: verify ledgers and statements."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from metering import bootstrap
from metering.app.billing.statements import StatementVerdict
from metering.app.reports.verify import Verdict
from metering.cli.options import must_know, with_app
from metering.cli.output import AsJson, count, print_error, print_table, show
from metering.core.allocation.allocation import Allocation
from metering.core.basics.money import format_amount
from metering.documents.reports.proofs import AllocationProof, LedgerProof, StatementProof


def verify(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's ledgers.")] = None,
    statement: Annotated[
        bool, typer.Option("--statement", help="Also derive every statement again from the pages.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Verify every ledger: pages, hashes, totals, and that no id counts twice.

    Exit status 1 if a ledger, or with --statement a statement, does not hold.

    Example:  metering verify acme --statement
    """

    async def prove(app: bootstrap.App) -> Proven:
        if tenant is not None:
            await must_know(app, tenant)
        ledgers = await app.verify.ledgers(tenant)
        verdicts = await app.verify.all(ledgers)
        if not statement:
            return Proven(verdicts)
        names = await app.read.tenants() if tenant is None else [tenant]
        statements = [one for name in names async for one in app.billing.statements.verify(name)]
        shared = {
            (allocation.deployment, allocation.month): allocation
            for one in statements
            for allocation in one.allocations
        }
        proofs = [(one, await app.billing.allocate.proof(one)) for one in shared.values()]
        return Proven(verdicts, statements, proofs)

    found = with_app(prove)
    documents = [
        *(LedgerProof.of(one) for one in found.ledgers),
        *(StatementProof.of(one) for one in found.statements),
        *(AllocationProof.of(allocation, faults) for allocation, faults in found.allocations),
    ]

    def tables() -> None:
        _print_verdicts(found.ledgers)
        _print_proofs(found.statements)
        _print_allocations(found.allocations)

    show(documents, tables, as_json=as_json)
    if not found.holds:
        raise typer.Exit(1)


class Proven(NamedTuple):
    """The proofs of a run."""

    ledgers: list[Verdict]
    statements: Sequence[StatementVerdict] = ()
    allocations: Sequence[tuple[Allocation, list[str]]] = ()

    @property
    def holds(self) -> bool:
        """True if every proof holds."""
        return not (
            any(one.faults for one in self.ledgers)
            or any(one.faults for one in self.statements)
            or any(faults for _, faults in self.allocations)
        )


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


def _print_verdicts(verdicts: list[Verdict]) -> None:
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
