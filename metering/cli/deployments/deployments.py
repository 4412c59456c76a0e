"""`metering deployments`: facts about where requests are served."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from metering import bootstrap
from metering.adapters.files import read_structured
from metering.app.deployments.deployments import Proposal
from metering.app.ledger.one_by_one import OneByOne
from metering.cli.allocation.allocations import list_shares
from metering.cli.auditing import changing
from metering.cli.deployments.deployment_tables import (
    print_deployments,
    print_proposals,
    print_unknown,
)
from metering.cli.options import Move, Tier, instant, ledgers_named, period_for, since, with_app
from metering.cli.output import AsJson, stdout, tell_left_out
from metering.core.basics.errors import ConfigurationError
from metering.core.calendars.periods import LedgerId
from metering.core.deployments.deployment import (
    Deployment,
    DeploymentType,
    IdlePolicy,
    Scope,
    read_deployment,
    read_deployments,
)
from metering.core.deployments.deployment_import import read_hourly_prices
from metering.core.reports.unknown_deployments import UnknownDeployment

deployments = typer.Typer(
    no_args_is_help=True,
    help="Deployments: type, region, model version and units, unknown to the gateway.",
)
deployments.command("shares")(list_shares)

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="When it takes effect. Default: in five minutes, because events may be that far ahead"
        " of the clock; a new record applies from the beginning.",
    ),
]
Account = Annotated[
    str | None,
    typer.Option(help="The Azure resource, as named in data.backend of events."),
]
Currency = Annotated[str, typer.Option(help="The currency of the hourly price.")]
Name = Annotated[
    str, typer.Argument(help="The name of the deployment, as in the URL.", show_default=False)
]
Hosting = Annotated[
    str | None,
    typer.Option(help="The price of an hour of hosting a fine-tuned model, such as 1.70."),
]
SpilloverScope = Annotated[
    Scope | None,
    typer.Option(help="The scope at which spillover from provisioned units is priced."),
]
Weights = Annotated[
    list[str] | None,
    typer.Option(help="Weight of a token by bucket, such as output=4. Default: 1. Repeatable."),
]
Idle = Annotated[
    IdlePolicy | None,
    typer.Option(help="How idle hours are allocated. Default: unallocated."),
]
File = Annotated[
    Path | None,
    typer.Argument(exists=True, dir_okay=False, help="YAML or JSON with `deployments`."),
]
HourlyPrices = Annotated[
    list[str] | None,
    typer.Option(help="Price of a provisioned unit by scope: data_zone=1.10. Repeatable."),
]


@deployments.command("list")
def list_deployments(
    unknown: Annotated[
        bool, typer.Option("--unknown", help="List deployments in usage that have no record.")
    ] = False,
    tenant: Annotated[
        str | None, typer.Option(help="With --unknown: only usage of this tenant.")
    ] = None,
    period: Annotated[
        str | None,
        typer.Option(
            help="With --unknown: a period such as 2026-11. Default: the last with usage."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List deployments on record and what is scheduled, or with --unknown those without a record.

    Usage of an unknown deployment is priced by the model in the response, as a global deployment
    unless the event names another type. Ledgers that cannot be read are named, and the exit
    status is then 1.

    Example:  metering deployments list --unknown --period 2026-11
    """
    if unknown:
        one_by_one = OneByOne()
        without = with_app(lambda app: _unknown(app, tenant, period, one_by_one))
        print_unknown(without, as_json=as_json)
        tell_left_out(one_by_one.left_out.values())
        return
    if tenant is not None or period is not None:
        raise typer.BadParameter("--tenant and --period require --unknown")
    found = with_app(lambda app: app.deployments.listed())
    print_deployments(found, as_json=as_json)


async def _unknown(
    app: bootstrap.App, tenant: str | None, period: str | None, one_by_one: OneByOne
) -> list[UnknownDeployment]:
    if period is not None:
        return await app.deployments.unknown(await ledgers_named(app, tenant, period), one_by_one)
    tenants = await app.read.tenants() if tenant is None else [tenant]
    ledgers = [LedgerId(name, (await period_for(app, name, None)).start) for name in tenants]
    return await app.deployments.unknown(ledgers, one_by_one)


@deployments.command("set")
def set_deployment(  # noqa: PLR0913, PLR0917, each is an option of the command
    name: Name,
    model: Annotated[str, typer.Option(help="The model, as named in the price book.")],
    deployment_type: Annotated[DeploymentType, typer.Option("--type")],
    account: Account = None,
    model_version: Annotated[str | None, typer.Option(help="Such as 2024-11-20.")] = None,
    provider: Annotated[str | None, typer.Option(help="The publisher of the model.")] = None,
    region: Annotated[str | None, typer.Option(help="Such as eastus2.")] = None,
    tier: Tier | None = None,
    units: Annotated[int | None, typer.Option(help="Provisioned units.")] = None,
    hourly_price: Annotated[
        str | None, typer.Option(help="The price of one unit, such as 1.00.")
    ] = None,
    currency: Currency = "USD",
    scope: SpilloverScope = None,
    weight: Weights = None,
    idle: Idle = None,
    hosting: Hosting = None,
    effective: From = None,
    move: Move = False,
) -> None:
    """Record deployment NAME, in five minutes or from --from on.

    A new record applies from the beginning. The record fills in what events omit. It replaces the
    previous record as a whole; one of another model only with --move. The command prints from when
    the record holds.

    Example:  metering deployments set gpt-4o --model gpt-4o --type data_zone --region eastus2
    """
    start = instant(effective, "--from")
    weights = dict(text.partition("=")[::2] for text in weight) if weight else None
    bought = {
        "units": units,
        "hourly_price": hourly_price,
        "scope": scope,
        "weights": weights,
        "idle": idle if hosting is None else None,
    }
    hosted = {"hourly_price": hosting, "currency": currency, "idle": idle or "unallocated"}
    given = {field: value for field, value in bought.items() if value is not None}
    content = {
        "name": name,
        "account": account,
        "model": model,
        "model_version": model_version,
        "provider": provider,
        "deployment_type": deployment_type,
        "region": region,
        "service_tier": tier,
        "provisioned": {**given, "currency": currency} if given else None,
        "hosting": None if hosting is None else hosted,
    }
    deployment = _read(name, content)
    done = changing(
        "deployment.set",
        f"deployment/{deployment.key}",
        {"deployment": deployment.model_dump(exclude_none=True), "from": effective, "move": move},
        lambda app: app.tenancy.define_deployment(deployment, start, move=move),
    )
    stdout().print(f"deployment {deployment.key}: {since(done)}")


def _read(name: str, content: Mapping[str, object]) -> Deployment:
    try:
        return read_deployment(f"deployment {name!r}", content)
    except ConfigurationError as error:
        raise typer.BadParameter(str(error)) from None


@deployments.command("import")
def import_deployments(  # noqa: PLR0913, PLR0917, each is an option of the command
    file: File = None,
    subscription_id: Annotated[
        str | None, typer.Option(help="Import from Azure: the deployments of this subscription.")
    ] = None,
    resource_group: Annotated[str | None, typer.Option(help="Only this resource group.")] = None,
    account: Annotated[str | None, typer.Option(help="Only this Azure resource.")] = None,
    hourly_price: HourlyPrices = None,
    currency: Currency = "USD",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the result, record nothing.")
    ] = False,
    effective: From = None,
    move: Move = False,
    as_json: AsJson = False,
) -> None:
    """Record the deployments in FILE, or those that Azure lists. Safe to repeat.

    A new record applies from the beginning, a change in five minutes. A deployment that serves
    another model is changed only with --move: without it nothing is recorded. The result says from
    when each record holds.

    Azure reports neither the price of a provisioned unit nor the weights of tokens. Prices come
    from --hourly-price, weights from FILE or `metering deployments set`. Recorded values are kept.
    Deployments that cannot be recorded are listed with the reason.

    Example:  metering deployments import --subscription-id $SUBSCRIPTION --dry-run
    """
    if (file is None) == (subscription_id is None):
        raise typer.BadParameter("give either FILE or --subscription-id")
    if file is not None and (resource_group or account or hourly_price):
        raise typer.BadParameter(
            "--resource-group, --account and --hourly-price require --subscription-id"
        )
    start = instant(effective, "--from")

    async def work(app: bootstrap.App) -> list[Proposal]:
        if subscription_id is not None:
            prices = read_hourly_prices(hourly_price or [], currency)
            source = app.azure_deployments(subscription_id, resource_group, account)
            proposals = await app.deployments.propose(source, prices, start)
        else:
            assert file is not None
            listed = read_deployments(str(file), read_structured(file))
            proposals = await app.deployments.compare(listed, start)
        return proposals if dry_run else await app.deployments.record(proposals, start, move=move)

    wanted = {
        "file": None if file is None else str(file),
        "subscription_id": subscription_id,
        "from": effective,
        "move": move,
    }
    made = (
        with_app(work) if dry_run else changing("deployments.import", "deployments", wanted, work)
    )
    print_proposals(made, dry_run=dry_run, as_json=as_json)
