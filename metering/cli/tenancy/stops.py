"""`metering tenants stop` and `resume`: block the requests of a tenant at once."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.auditing import audited
from metering.cli.options import Tenant, with_app
from metering.cli.output import escape, stdout
from metering.core.basics.instants import Instant, format_instant
from metering.core.tenancy.record import Decision
from metering.core.tenancy.stops import Target
from metering.documents.tenancy import StopDocument

Reason = Annotated[str, typer.Option(help="The reason. A stop tells it to every refused client.")]
Subscription = Annotated[
    str | None, typer.Option(help="Only this subscription of the tenant.", show_default=False)
]
Author = Annotated[
    str | None, typer.Option(help="Who decides it, for the audit log. Default: your login name.")
]


def stop(
    tenant: Tenant, reason: Reason, subscription: Subscription = None, author: Author = None
) -> None:
    """Block all requests of TENANT from now on, until it is resumed.

    The service obeys within four seconds, the gateway once its cached verdict has expired: within
    30 more. Usage up to then is counted. Prices, owners and quotas stay as they are.

    Example:  metering tenants stop acme --reason "leaked key"
    """
    done = _set(Target(tenant, subscription), reason, author, is_stopped=True)
    _say(tenant, subscription, "stopped", done)


def resume(
    tenant: Tenant, reason: Reason, subscription: Subscription = None, author: Author = None
) -> None:
    """Admit the requests of TENANT again after a stop, from now on.

    The gateway obeys within nine seconds. Quotas and credit decide again.

    Example:  metering tenants resume acme --reason "key replaced"
    """
    done = _set(Target(tenant, subscription), reason, author, is_stopped=False)
    _say(tenant, subscription, "resumed", done)


def _set(target: Target, reason: str, author: str | None, *, is_stopped: bool) -> Decision[Instant]:
    async def apply(app: bootstrap.App) -> Decision[Instant]:
        await app.tenancy.refresh()
        directory = app.tenancy.directory

        def look() -> dict[str, object]:
            stops = StopDocument.all_of(directory, target.tenant, app.clock.now())
            return {"stopped": [one.model_dump(mode="json") for one in stops]}

        action = "tenant.stop" if is_stopped else "tenant.resume"
        wanted = {"reason": reason, "subscription": target.subscription, "author": author}
        return await audited(
            app,
            action,
            f"tenant/{target.tenant}",
            wanted,
            lambda: app.tenancy.set_stop(target, reason, is_stopped=is_stopped),
            look,
        )

    return with_app(apply)


def _say(tenant: str, subscription: str | None, done: str, decision: Decision[Instant]) -> None:
    what = f"tenant {tenant}" if subscription is None else f"subscription {subscription}"
    since = f"{done} from {format_instant(decision.outcome)}"
    stdout().print(escape(f"{what}: {since if decision.record else 'unchanged'}"))
