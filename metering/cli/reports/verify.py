"""`metering verify`: prove ledgers and statements."""

from collections.abc import Sequence
from typing import Annotated, NamedTuple

import typer

from metering import bootstrap
from metering.app.billing.statements import StatementVerdict
from metering.app.reports.verify import Verdict
from metering.cli.options import must_know, with_app
from metering.cli.output import AsJson, count, print_error, print_json, print_table
from metering.core.allocation.allocation import Allocation
from metering.core.basics.money import format_amount


def verify(
    tenant: Annotated[str | None, typer.Argument(help="Only this tenant's ledgers.")] = None,
    statement: Annotated[
        bool, typer.Option("--statement", help="Derive every statement again from the pages, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Prove every ledger: pages, hashes, totals, and that no id counts twice.

    Exit status 1 if any ledger, or with --statement any statement, does not hold.

    Example:  metering verify acme --statement
    """

    async def prove(app: bootstrap.App) -> Proven:
        if tenant is not None:
            await must_know(app, tenant)
        ledgers = await app.verify.ledgers(tenant)
        verdicts = [await app.verify.one(ledger) for ledger in ledgers]
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
    if as_json:
        print_json(
            [_verdict_json(one) for one in found.ledgers]
            + [_proof_json(one) for one in found.statements]
            + [_shared_json(allocation, faults) for allocation, faults in found.allocations]
        )
    else:
        _print_verdicts(found.ledgers)
        _print_proofs(found.statements)
        _print_shared(found.allocations)
    if not found.holds:
        raise typer.Exit(1)


class Proven(NamedTuple):
    """What was proven, and what was wrong with it."""

    ledgers: list[Verdict]
    statements: Sequence[StatementVerdict] = ()
    allocations: Sequence[tuple[Allocation, list[str]]] = ()

    @property
    def holds(self) -> bool:
        """Say whether all of it holds."""
        return not (
            any(one.faults for one in self.ledgers)
            or any(one.faults for one in self.statements)
            or any(faults for _, faults in self.allocations)
        )


def _shared_json(allocation: Allocation, faults: list[str]) -> dict[str, object]:
    return {
        "sharing": allocation.deployment,
        "period": allocation.month.name,
        "holds": not faults,
        "total": format_amount(allocation.cost),
        "faults": faults,
    }


def _print_shared(proofs: Sequence[tuple[Allocation, list[str]]]) -> None:
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
    print_table("Provisioned capacity, shared out", columns, rows, left=3)
    for allocation, faults in proofs:
        for fault in faults:
            print_error(f"sharing {allocation.deployment} {allocation.month.name}: {fault}")


def _proof_json(verdict: StatementVerdict) -> dict[str, object]:
    return {
        "statement": str(verdict.ledger),
        "period": verdict.period,
        "holds": not verdict.faults,
        "total": format_amount(verdict.total),
        "faults": list(verdict.faults),
    }


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


def _verdict_json(verdict: Verdict) -> dict[str, object]:
    return {
        "ledger": str(verdict.ledger),
        "holds": not verdict.faults,
        "pages": verdict.pages,
        "entries": verdict.entries,
        "amount": format_amount(verdict.amount),
        "last_hash": verdict.last_hash,
        "faults": list(verdict.faults),
    }


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
