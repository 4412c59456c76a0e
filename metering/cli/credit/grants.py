"""`metering grants`: prepaid credit."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.auditing import changing
from metering.cli.credit.grant_tables import print_grants
from metering.cli.options import Tenant, day_or_instant, must_know, with_app
from metering.cli.output import AsJson, show, stdout
from metering.core.basics.instants import format_instant
from metering.core.credit.credit import CreditBalance
from metering.core.credit.grant import MAX_PRIORITY, Channel, Grant, Revocation
from metering.core.tenancy.grant_records import GrantOffer
from metering.documents.credit import GrantDocument

grants = typer.Typer(
    no_args_is_help=True,
    help="Prepaid credit of tenants. A date means its start in UTC.",
)


Reason = Annotated[str, typer.Option(help="The reason, for the record.")]
Author = Annotated[str, typer.Option(help="Who decided it.")]


@grants.command("add")
def add_grant(  # noqa: PLR0913, PLR0917, each is an option of the command
    tenant: Tenant,
    amount: Annotated[str, typer.Option(help="In the currency of the plan, such as 10.00.")],
    expires: Annotated[
        str | None,
        typer.Option(help="The grant pays for usage before this time. Default: no expiry."),
    ] = None,
    starts: Annotated[
        str | None,
        typer.Option(help="Default and earliest: the start of the current period."),
    ] = None,
    priority: Annotated[
        int,
        typer.Option(
            min=-MAX_PRIORITY, max=MAX_PRIORITY, help="Grants with a lower number are used first."
        ),
    ] = 0,
    channel: Annotated[
        Channel | None,
        typer.Option(help="Pay only for usage of this billing channel. Default: any."),
    ] = None,
    currency: Annotated[
        str | None, typer.Option(help="Fail unless the plan is in this currency.")
    ] = None,
    grant_id: Annotated[
        str | None,
        typer.Option("--id", help="The id of the grant. With an id the command is safe to repeat."),
    ] = None,
    reason: Reason = "",
    author: Author = "",
    as_json: AsJson = False,
) -> None:
    """Add a grant for TENANT. A date, such as 2027-01-31, means its start in UTC.

    Without --starts the grant also pays for earlier usage of the current period.

    Example:  metering grants add acme --amount 10.00 --expires 2027-01-31
    """
    offer = GrantOffer(
        tenant=tenant,
        amount=amount,
        expiry=day_or_instant(expires, "--expires"),
        id=grant_id,
        start=day_or_instant(starts, "--starts"),
        currency=currency,
        priority=priority,
        channel=channel,
        reason=reason,
        author=author,
    )

    async def give(app: bootstrap.App) -> tuple[Grant, bool]:
        await must_know(app, tenant)
        return await app.tenancy.add_grant(offer)

    wanted = {**offer._asdict(), "expiry": expires, "start": starts}
    grant, is_news = changing("grant.add", f"grant/{tenant}/{grant_id or ''}", wanted, give)
    until = "" if grant.expiry is None else f" until {format_instant(grant.expiry)}"
    text = (
        f"grant {grant.id} for {tenant}: {grant.amount} {grant.currency} from"
        f" {format_instant(grant.start)}{until}: {'recorded' if is_news else 'unchanged'}"
    )
    show(GrantDocument.of(grant), lambda: stdout().print(text), as_json=as_json)


@grants.command("list")
def list_grants(tenant: Tenant, as_json: AsJson = False) -> None:
    """List the grants of TENANT in the order in which they are used, with the remaining credit.

    The remaining credit is a lower bound: which of several grants pays for usage of an open period
    is sometimes decided only when the period closes.

    Example:  metering grants list acme --json
    """

    async def read(app: bootstrap.App) -> tuple[CreditBalance, list[Grant]]:
        await must_know(app, tenant)
        found = await app.credits.forecast(tenant)
        every = app.tenancy.directory.grants(tenant)
        return found, [grant for grant in every if grant.currency != found.currency]

    found, others = with_app(read)
    documents = [GrantDocument.of(one.grant, one) for one in found.grants]
    documents += [GrantDocument.of(grant) for grant in others]
    show(documents, lambda: print_grants(found, others), as_json=as_json)


@grants.command("revoke")
def revoke_grant(
    tenant: Tenant,
    grant_id: Annotated[
        str, typer.Argument(metavar="ID", help="The grant's id.", show_default=False)
    ],
    reason: Reason = "",
    author: Author = "",
) -> None:
    """Revoke a grant, effective in five minutes. Usage that it paid for stays paid.

    Example:  metering grants revoke acme grant-001 --reason "given twice"
    """
    try:
        revocation = Revocation(id=grant_id, reason=reason, author=author)
    except ValueError:
        raise typer.BadParameter("the reason or the author is too long") from None

    async def apply(app: bootstrap.App) -> Grant:
        return await app.tenancy.revoke_grant(tenant, revocation)

    wanted = {"reason": reason, "author": author}
    revoked = changing("grant.revoke", f"grant/{tenant}/{grant_id}", wanted, apply).revoked
    assert revoked is not None
    stdout().print(f"grant {grant_id} for {tenant}: revoked from {format_instant(revoked)}")
