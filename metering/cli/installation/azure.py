"""`metering azure`: set-up steps that Bicep cannot do."""

import asyncio
import re
from typing import Annotated, Final

import typer

from metering.cli.output import AsJson, print_table, show, stdout
from metering.core.basics.patterns import GUID
from metering.core.installation.identity_setup import Identity
from metering.core.tenancy.access import Role
from metering.settings.settings import read_settings

azure = typer.Typer(no_args_is_help=True, help="Set-up steps in Azure that Bicep cannot do.")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: A name of DNS with at least one dot, and no address, port or path.
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST: Final = re.compile(rf"(?=.{{1,253}}\Z)({_LABEL}\.)+[a-z][a-z0-9-]{{0,61}}[a-z0-9]")


@azure.callback()
def group() -> None:
    """Run set-up steps in Azure that Bicep cannot do."""


@azure.command("setup-identity")
def setup_identity(
    operator: Annotated[
        list[str] | None,
        typer.Option(help="Object id of a user, group or app with the operator role. Repeatable."),
    ] = None,
    gateway: Annotated[
        list[str] | None,
        typer.Option(help="Object id of API Management's managed identity. Repeatable."),
    ] = None,
    producer: Annotated[
        list[str] | None,
        typer.Option(help="Object id of an app that reports usage. Repeatable."),
    ] = None,
    host: Annotated[
        list[str] | None,
        typer.Option(help="Host of the function app, for browser sign-in. Repeatable."),
    ] = None,
    name: Annotated[str, typer.Option(help="Unique name of the app registration.")] = "metering",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the steps, change nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Create the app registration of the API with its roles, and assign the roles.

    Requires `az login` as a user who can do that. Safe to repeat; nothing is ever removed. Prints
    the settings that Bicep and the function app need.

    Example:  metering azure setup-identity --operator 1c2b… --host func-x.azurewebsites.net
    """
    holders = {
        Role.OPERATOR: _object_ids(operator, "--operator"),
        Role.GATEWAY: _object_ids(gateway, "--gateway"),
        Role.PRODUCER: _object_ids(producer, "--producer"),
    }
    hosts = _hosts(host)
    if not _NAME.fullmatch(name):
        raise typer.BadParameter(
            f"{name!r} is not a name such as metering-prod", param_hint="--name"
        )
    identity = asyncio.run(_run(name, holders, hosts, dry_run=dry_run))
    steps, settings = [step._asdict() for step in identity.steps], _settings(identity)
    document = {**identity._asdict(), "steps": steps, "settings": settings}

    def table() -> None:
        print_table("Identity", ["item", "result"], identity.steps, left=2)
        for setting, value in settings.items():
            stdout().print(f"{setting}={value}", markup=False)

    show(document, table, as_json=as_json)


async def _run(
    name: str, holders: dict[Role, list[str]], hosts: list[str], *, dry_run: bool
) -> Identity:
    # An HTTP client takes a tenth of a second to import.
    from metering.adapters.azure.entra_setup import EntraSetup  # noqa: PLC0415
    from metering.adapters.azure.graph import Graph  # noqa: PLC0415

    graph = Graph(read_settings().graph_endpoint)
    try:
        return await EntraSetup(graph, name, dry_run=dry_run).run(holders, hosts)
    finally:
        await graph.close()


def _object_ids(given: list[str] | None, hint: str) -> list[str]:
    found = list(dict.fromkeys(text.lower() for text in given or []))
    for text in found:
        if not GUID.fullmatch(text):
            raise typer.BadParameter(
                f"{text!r} is not an object id such as 00000000-0000-0000-0000-000000000000",
                param_hint=hint,
            )
    return found


def _hosts(given: list[str] | None) -> list[str]:
    found = list(dict.fromkeys(text.lower() for text in given or []))
    for text in found:
        if not HOST.fullmatch(text):
            raise typer.BadParameter(
                f"{text!r} is not a host name such as func-metering-x.azurewebsites.net",
                param_hint="--host",
            )
    return found


def _settings(identity: Identity) -> dict[str, str]:
    """Return the settings for Bicep and the function app that are known."""
    if not identity.client_id:
        return {}
    tenant = identity.tenant_id or "TENANT_ID"
    return {
        "METERING_API_CLIENT_ID": identity.client_id,
        "METERING_AUTH_ISSUER": f"https://login.microsoftonline.com/{tenant}/v2.0",
        "METERING_AUTH_AUDIENCE": identity.client_id,
        "METERING_AUTH_TENANT": tenant,
    }
