"""`metering adjustments`: amounts that an operator adds to a statement."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.auditing import changing
from metering.cli.options import Tenant, must_know, period_for, with_app
from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.tenancy.adjustment_records import AdjustmentOffer
from metering.documents.credit import AdjustmentDocument

adjustments = typer.Typer(
    no_args_is_help=True,
    help="Amounts that an operator adds to a statement, with a reason.",
)


@adjustments.command("add")
def add_adjustment(
    tenant: Tenant,
    amount: Annotated[
        str, typer.Option(help="In the plan's currency. Use --amount=-5.00 for a credit.")
    ],
    reason: Annotated[str, typer.Option(help="The reason, printed on the statement.")],
    author: Annotated[str, typer.Option(help="Who decided it, printed on the statement.")],
    about: Annotated[
        str | None, typer.Option(help="The period that it refers to. Default: the current one.")
    ] = None,
    adjustment_id: Annotated[
        str | None,
        typer.Option(
            "--id", help="The id of the adjustment. With an id the command is safe to repeat."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Add an amount to the statement of TENANT's current period. It cannot be edited afterwards.

    Example:  metering adjustments add acme --amount=-5.00 --reason "outage of 3 Nov" --author ada
    """

    async def apply(app: bootstrap.App) -> tuple[AdjustmentDocument, bool]:
        of = None if about is None else (await period_for(app, tenant, about, "--about")).name
        added, is_news = await app.tenancy.adjust(
            AdjustmentOffer(tenant, amount, reason, author, of, adjustment_id)
        )
        every = app.tenancy.directory.adjustments(tenant)
        made = next(one for one in every if one.adjustment.id == added.id)
        return AdjustmentDocument.of(made), is_news

    wanted = {"amount": amount, "reason": reason, "author": author, "about": about}
    resource = f"adjustment/{tenant}/{adjustment_id or ''}"
    made, is_news = changing("adjustment.add", resource, wanted, apply)
    done = "recorded" if is_news else "unchanged"
    text = f"adjustment {made.id} for {tenant}: {made.amount} {made.currency}: {done}"
    show(made, lambda: stdout().print(text), as_json=as_json)


@adjustments.command("list")
def list_adjustments(tenant: Tenant, as_json: AsJson = False) -> None:
    """List the adjustments for TENANT with reasons and authors.

    Example:  metering adjustments list acme --json
    """

    async def read(app: bootstrap.App) -> list[AdjustmentDocument]:
        await must_know(app, tenant)
        await app.tenancy.refresh()
        return [AdjustmentDocument.of(one) for one in app.tenancy.directory.adjustments(tenant)]

    found = with_app(read)
    rows = [
        (
            *(one.id, one.made, one.reason, one.author, one.charge_period or ""),
            f"{one.amount} {one.currency}",
        )
        for one in found
    ]
    columns = ["id", "made", "reason", "author", "about", "amount"]
    title = f"Adjustments for {tenant}"
    show(found, lambda: print_table(title, columns, rows, left=5), as_json=as_json)
