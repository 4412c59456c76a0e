"""`metering tenants allow` and `disallow`: access of people and apps to a tenant."""

from typing import Annotated

import typer

from metering.cli.auditing import changing
from metering.cli.options import Move, Tenant, since
from metering.cli.output import stdout

User = Annotated[str | None, typer.Option(help="The object id of a person in Microsoft Entra.")]
App = Annotated[str | None, typer.Option(help="The client id of an app.")]


def allow(tenant: Tenant, user: User = None, app: App = None, move: Move = False) -> None:
    """Let a person or an app read TENANT, and no other tenant, from now on.

    It takes effect at once. A member of another tenant is moved only with --move. An app whose
    requests a tenant pays for can always read that tenant.

    Example:  metering tenants allow acme --user 6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11
    """
    member = _member(user, app)
    done = changing(
        "member.set",
        f"member/{member}",
        {"tenant": tenant, "move": move},
        lambda made: made.tenancy.set_member(member, tenant, move=move),
    )
    stdout().print(f"{member} can read {tenant}: {since(done)}")


def disallow(user: User = None, app: App = None) -> None:
    """Remove the access of a person or an app to its tenant, from now on.

    Example:  metering tenants disallow --user 6f0c1d52-8a4e-4c7b-9d3a-0b5f2e6a7c11
    """
    member = _member(user, app)
    done = changing(
        "member.set",
        f"member/{member}",
        {"tenant": ""},
        lambda made: made.tenancy.set_member(member, None),
    )
    stdout().print(f"{member} can read no tenant: {since(done)}")


def _member(user: str | None, app: str | None) -> str:
    if (user is None) == (app is None):
        raise typer.BadParameter("give --user or --app")
    return f"user:{user.lower()}" if user is not None else f"app:{(app or '').lower()}"
