"""`metering adjustments`: what an operator puts on a tenant's statement."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.options import Tenant, must_know, period_for, with_app
from metering.cli.output import AsJson, print_json, print_table, stdout
from metering.core.basics.instants import format_instant
from metering.core.credit.adjustment import Adjustment, MadeAdjustment
from metering.core.tenancy.adjustment_records import AdjustmentOffer

adjustments = typer.Typer(
    no_args_is_help=True,
    help="Amounts that an operator adds to a statement, or takes off it, with a reason.",
)


@adjustments.command("add")
def add_adjustment(
    tenant: Tenant,
    amount: Annotated[
        str, typer.Option(help="In the currency of the plan; below zero takes off: --amount=-5.00.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it is on the statement.")],
    author: Annotated[str, typer.Option(help="Who decided it; it is on the statement.")],
    about: Annotated[
        str | None, typer.Option(help="The period that it is about. Default: the present one.")
    ] = None,
    adjustment_id: Annotated[
        str | None,
        typer.Option("--id", help="Its name: then it is safe to say again."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put an amount on the statement of TENANT's present period. It is never edited afterwards.

    Example:  metering adjustments add acme --amount=-5.00 --reason "outage of 3 Nov" --author ada
    """

    async def apply(app: bootstrap.App) -> tuple[Adjustment, bool]:
        of = None if about is None else (await period_for(app, tenant, about)).name
        return await app.tenancy.adjust(
            AdjustmentOffer(tenant, amount, reason, author, of, adjustment_id)
        )

    made, is_news = with_app(apply)
    if as_json:
        print_json(made.model_dump(mode="json"))
        return
    stdout().print(
        f"adjustment {made.id} of {tenant}: {made.amount} {made.currency}:"
        f" {'recorded' if is_news else 'holds already'}"
    )


@adjustments.command("list")
def list_adjustments(tenant: Tenant, as_json: AsJson = False) -> None:
    """List the adjustments of TENANT with their reasons and authors.

    Example:  metering adjustments list acme --json
    """

    async def read(app: bootstrap.App) -> list[MadeAdjustment]:
        await must_know(app, tenant)
        await app.tenancy.refresh()
        return app.tenancy.directory.adjustments(tenant)

    found = with_app(read)
    if as_json:
        print_json(
            [
                {**one.adjustment.model_dump(mode="json"), "made": format_instant(one.at)}
                for one in found
            ]
        )
        return
    rows = [
        (
            one.adjustment.id,
            format_instant(one.at),
            one.adjustment.reason,
            one.adjustment.author,
            one.adjustment.charge_period or "",
            f"{one.adjustment.amount} {one.adjustment.currency}",
        )
        for one in found
    ]
    columns = ["id", "made", "reason", "author", "about", "amount"]
    print_table(f"Adjustments of {tenant}", columns, rows, left=5)
