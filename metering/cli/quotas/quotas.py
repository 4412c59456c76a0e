"""`metering quotas`: a tenant's quotas, and temporary increases of their limits."""

from typing import Annotated

import typer

from metering import bootstrap
from metering.cli.auditing import audited, author
from metering.cli.options import Tenant, day_or_instant, must_know, with_app
from metering.cli.output import AsJson, count, print_table, show, stdout
from metering.core.basics.instants import format_instant
from metering.core.basics.money import format_read, parse_amount
from metering.core.plans.increases import Increase
from metering.core.tenancy.increases import IncreaseOffer
from metering.documents.quotas.alerts import QuotaDocument, QuotasDocument
from metering.documents.quotas.increases import IncreaseDocument

quotas = typer.Typer(
    no_args_is_help=True, help="A tenant's quotas, and temporary increases of their limits."
)


@quotas.command("list")
def list_quotas(tenant: Tenant, as_json: AsJson = False) -> None:
    """List TENANT's quotas with their ids, their use and the limits in force.

    Of a quota that is split by attributes, the twenty values nearest to their limit. Quotas of a
    plan that is scheduled follow, with the time from which they hold.

    Example:  metering quotas list acme
    """

    async def read(app: bootstrap.App) -> QuotasDocument:
        await must_know(app, tenant)
        return QuotasDocument.of(tenant, await app.forecasts.of(tenant), app.tenancy.directory)

    found = with_app(read)
    rows = [
        [
            *(one.quota, one.about, one.action, one.mode),
            *(_read(one.used, one, found), _read(one.limit, one, found)),
            one.increased_until or "-",
        ]
        for one in found.quotas
    ]
    columns = ["id", "quota", "action", "mode", "used", "limit", "increased until"]
    title = f"Quotas of {tenant}, {found.as_of}, {found.currency}"

    def tables() -> None:
        if rows:
            print_table(title, columns, rows, left=4)
        else:
            stdout().print(f"No quota of {tenant} is in force.", soft_wrap=True)
        for one in found.quotas:
            if one.counting and not one.values:
                rest = "earlier usage is still being counted; enforced on what is known"
                stdout().print(f"{one.quota}: {rest}", soft_wrap=True)
            if one.provisioned_as_of is not None:
                part = f"{_read(one.provisioned or '0', one, found)} {found.currency}"
                until = f"accrued until {one.provisioned_as_of}, provisional"
                stdout().print(f"{one.quota}: {part} of it provisioned, {until}", soft_wrap=True)

        for to_come in found.scheduled:
            print_table(
                f"From {to_come.start}, on plan {to_come.plan}",
                ["quota", "action", "mode", "limit"],
                [[one.about, one.action, one.mode, one.limit] for one in to_come.quotas],
                left=3,
            )

    show(found, tables, as_json=as_json)


def _read(value: str, one: QuotaDocument, found: QuotasDocument) -> str:
    if one.metric != "amount":
        return count(int(value))
    return format_read(parse_amount(value), found.currency)


@quotas.command("raise")
def raise_quota(
    tenant: Tenant,
    quota: Annotated[str, typer.Option(help="The quota's id: see `metering quotas list`.")],
    limit: Annotated[str, typer.Option(help="The limit until then, at least the plan's.")],
    until: Annotated[str, typer.Option(help="When it ends by itself, at most 400 days ahead.")],
    reason: Annotated[str, typer.Option(help="The reason, kept with it.")],
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--for",
            metavar="ATTRIBUTE=VALUE",
            help="For one value of a quota that is split, such as end_user=ada. Repeatable.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Raise the limit of one of TENANT's quotas until a time, at which it ends by itself.

    In force within seconds. A later increase of the same quota takes its place; the plan's own
    limit ends it.

    Example:  metering quotas raise acme --quota 872b --limit 800 --until 2027-01-01 --reason launch
    """
    values = dict(_pair(one) for one in value or ())
    end = day_or_instant(until, "--until")
    assert end is not None

    async def apply(app: bootstrap.App) -> Increase:
        await app.tenancy.refresh()
        offer = IncreaseOffer(tenant, quota, limit, end, reason, await author(app), values)
        wanted = IncreaseDocument.wanted(offer)
        resource = f"quota/{tenant}/{quota}"
        return await audited(
            app, "quota.raise", resource, wanted, lambda: app.tenancy.raise_quota(offer)
        )

    made = with_app(apply)
    document = IncreaseDocument.of(tenant, made)
    text = f"quota {made.quota} of {tenant}: {made.limit} until {format_instant(made.until)}"
    show(document, lambda: stdout().print(text, soft_wrap=True), as_json=as_json)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not value:
        raise typer.BadParameter(f"{text!r} is not ATTRIBUTE=VALUE", param_hint="--for")
    return name.replace("-", "_"), value
