"""`metering withdraw`: take back what counts twice."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.app.ledger.withdraw import Withdrawn
from metering.cli.auditing import changing
from metering.cli.options import Tenant, must_know, with_app
from metering.cli.output import AsJson, plural, print_table, show, stdout
from metering.core.basics.money import format_amount
from metering.core.ledger.withdrawal import Active
from metering.documents.ledger.withdrawals import WithdrawnDocument


def withdraw(
    tenant: Tenant,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The event's id, as verify names it.")],
    kept_by: Annotated[
        str | None,
        typer.Option(help="Another tenant that counts the id too: its entry stays."),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Append the entries. Default: only list them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take back what counts twice: append an entry that withdraws the second count of ID.

    Entries are never edited. Of several entries of an id in TENANT's ledgers the first committed
    stays. If the period is closed, the next statement corrects it. Safe to repeat.

    Example:  metering withdraw acme 6f0c1d52 --apply
    """

    async def work(app: bootstrap.App) -> Withdrawn:
        for one in {tenant, kept_by or tenant}:
            await must_know(app, one)
        return await app.withdraw.run(tenant, id_, kept_by=kept_by, dry_run=not apply)

    wanted = {"kept_by": kept_by}
    resource = f"request/{tenant}/{id_}"
    done = changing("request.withdraw", resource, wanted, work) if apply else with_app(work)
    show(WithdrawnDocument.of(done), lambda: _print(done, applied=apply), as_json=as_json)


def _print(done: Withdrawn, *, applied: bool) -> None:
    rows = [
        row
        for double in done.found
        for row in (
            _row("stays", double.kept),
            *(_row("withdrawn" if applied else "to withdraw", one) for one in double.taken),
        )
    ]
    if not rows:
        stdout().print("nothing to withdraw: the id counts once")
        return
    print_table("Entries of the id", ["entry", "ledger", "page", "row", "amount"], rows, left=2)
    if applied:
        stdout().print(f"{plural(done.withdrawn, 'withdrawal')} appended")
    else:
        stdout().print("Nothing was written. Run with --apply to append the withdrawals.")


def _row(what: str, active: Active) -> tuple[str, ...]:
    amount = active.entry.state.amount
    shown = "unknown" if amount is None else format_amount(amount)
    return what, str(active.ledger), str(active.at.page), str(active.at.row), shown
