"""`metering grants`: credit that pays before anything is owed."""

import re
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.cli.credit.grant_tables import grant_json, print_grants
from metering.cli.options import Tenant, instant, must_know, with_app
from metering.cli.output import AsJson, print_json, stdout
from metering.core.basics.instants import Instant, format_instant
from metering.core.credit.credit import CreditBalance
from metering.core.credit.grant import MAX_PRIORITY, Channel, Grant, Revocation
from metering.core.tenancy.grant_records import GrantOffer

grants = typer.Typer(
    no_args_is_help=True,
    help="Credit of tenants. A date alone means its start in UTC.",
)

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Reason = Annotated[str, typer.Option(help="Why, for whoever looks later.")]
Author = Annotated[str, typer.Option(help="Who decided it.")]


@grants.command("add")
def add_grant(  # noqa: PLR0913, PLR0917, each is an option of the command
    tenant: Tenant,
    amount: Annotated[str, typer.Option(help="In the currency of the plan, such as 10.00.")],
    expires: Annotated[
        str | None,
        typer.Option(help="The first instant at which it pays no more. Default: never."),
    ] = None,
    starts: Annotated[
        str | None,
        typer.Option(help="Default and earliest: the start of the present period."),
    ] = None,
    priority: Annotated[
        int, typer.Option(min=-MAX_PRIORITY, max=MAX_PRIORITY, help="The lower one burns first.")
    ] = 0,
    channel: Annotated[
        Channel | None, typer.Option(help="Pays only for usage billed there. Default: everything.")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="To be sure of it.")] = None,
    grant_id: Annotated[
        str | None,
        typer.Option("--id", help="Its name: then it is safe to say again. Default: grant-001, …"),
    ] = None,
    reason: Reason = "",
    author: Author = "",
    as_json: AsJson = False,
) -> None:
    """Give TENANT credit. A date alone, such as 2027-01-31, means its start in UTC.

    Unless --starts says otherwise it pays for all usage of the present period, too.

    Example:  metering grants add acme --amount 10.00 --expires 2027-01-31
    """
    offer = GrantOffer(
        tenant=tenant,
        amount=amount,
        expiry=_instant(expires, "--expires"),
        id=grant_id,
        start=_instant(starts, "--starts"),
        currency=currency,
        priority=priority,
        channel=channel,
        reason=reason,
        author=author,
    )
    grant, is_news = with_app(lambda app: app.tenancy.add_grant(offer))
    if as_json:
        print_json(grant_json(grant))
        return
    until = "" if grant.expiry is None else f" until {format_instant(grant.expiry)}"
    stdout().print(
        f"grant {grant.id} of {tenant}: {grant.amount} {grant.currency} from"
        f" {format_instant(grant.start)}{until}: {'recorded' if is_news else 'holds already'}"
    )


def _instant(text: str | None, hint: str) -> Instant | None:
    """Return an optional time; a date alone is its start in UTC."""
    if text is not None and _DATE.fullmatch(text):
        text += "T00:00:00Z"
    return instant(text, hint)


@grants.command("list")
def list_grants(tenant: Tenant, as_json: AsJson = False) -> None:
    """List the grants of TENANT in the order in which they burn, with what is left of each.

    What is left is what is left at least: which of several grants pays for usage of a period that
    is still open is sometimes known only when it closes.

    Example:  metering grants list acme --json
    """

    async def read(app: bootstrap.App) -> tuple[CreditBalance, list[Grant]]:
        await must_know(app, tenant)
        found = await app.credits.of(tenant)
        every = app.tenancy.directory.grants(tenant)
        return found, [grant for grant in every if grant.currency != found.currency]

    found, others = with_app(read)
    if as_json:
        told = [grant_json(one.grant, one) for one in found.grants]
        print_json(told + [grant_json(grant) for grant in others])
    else:
        print_grants(found, others)


@grants.command("revoke")
def revoke_grant(
    tenant: Tenant,
    grant_id: Annotated[
        str, typer.Argument(metavar="ID", help="The grant's id.", show_default=False)
    ],
    reason: Reason = "",
    author: Author = "",
) -> None:
    """Take a grant back, from five minutes from now on. What it paid for before stays paid.

    Example:  metering grants revoke acme grant-001 --reason "given twice"
    """
    try:
        revocation = Revocation(id=grant_id, reason=reason, author=author)
    except ValueError:
        raise typer.BadParameter("a reason or author is too long") from None

    async def apply(app: bootstrap.App) -> Grant:
        return await app.tenancy.revoke_grant(tenant, revocation)

    revoked = with_app(apply).revoked
    assert revoked is not None
    stdout().print(f"grant {grant_id} of {tenant}: revoked from {format_instant(revoked)} on")
