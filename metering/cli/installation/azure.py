"""`metering azure`: checks before and after a deployment in Azure."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Final

import typer

from metering import bootstrap
from metering.adapters.azure.arm import Arm
from metering.adapters.azure.arm_reading import ArmReading
from metering.adapters.azure.model_calls import Dialect, GatewayCalls
from metering.app.installation.preflight import Preflight
from metering.app.installation.smoke_test import Waits
from metering.cli.installation.findings import print_finding
from metering.cli.options import must_know
from metering.cli.output import AsJson, print_json
from metering.core.basics.errors import ConfigurationError
from metering.core.installation.deployment_parameters import read_parameters
from metering.core.installation.finding import Finding
from metering.settings.settings import deployment_environment, read_settings

azure = typer.Typer(no_args_is_help=True, help="Check a deployment in Azure, before and after it.")

_KEY: Final = "METERING_SMOKE_KEY"


@azure.command("preflight")
def preflight(
    subscription: Annotated[str, typer.Option(help="The id of the subscription to deploy to.")],
    parameters: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="The .bicepparam file to deploy with."),
    ] = Path("bicep/main.prod.bicepparam"),
    as_json: AsJson = False,
) -> None:
    """Check whether a deployment would go through and then work. Changes nothing.

    It reads the parameters as the deployment would, with the same environment, and asks Azure with
    your own sign-in: resource providers, permissions, region, quotas, policies, paths at an
    existing gateway, and the accounts of the models. Exit status 1 if a check fails.

    Example:  metering azure preflight --subscription 00000000-0000-0000-0000-000000000000
    """
    planned = read_parameters(parameters.read_text(encoding="utf-8"), deployment_environment())
    arm = Arm(read_settings().arm_endpoint)
    _report(Preflight(ArmReading(arm), subscription).run(planned), as_json=as_json)


@azure.command("smoke")
def smoke(  # noqa: PLR0913, PLR0917, the options of a command
    gateway: Annotated[
        str, typer.Option(help="The URL of an API at the gateway, such as https://host/openai.")
    ] = "",
    model: Annotated[str, typer.Option(help="The deployment, or the model of Anthropic.")] = "",
    tenant: Annotated[str, typer.Option(help="The tenant whose subscription has the key.")] = "",
    dialect: Annotated[Dialect, typer.Option(help="The API that is called.")] = "openai",
    use_case_header: Annotated[
        str, typer.Option(help="The header that the gateway reads the use case from.")
    ] = "x-use-case",
    seconds: Annotated[
        float, typer.Option(min=1, max=3_600, help="How long to wait for each event.")
    ] = 120,
    log_seconds: Annotated[
        float,
        typer.Option(min=0, max=7_200, help="How long to wait for the log. 0: no log is read."),
    ] = 120,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Run against a gateway and system on this machine.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Send a small request through the gateway, whole and streamed, and find both in the ledger.

    Says which leg failed: the gateway's answer, its event, or the counts from its log. The key of
    the subscription is read from METERING_SMOKE_KEY; the tenant pays for two small requests. Exit
    status 1 if a leg fails.

    Example:  metering azure smoke --gateway https://HOST/openai --model gpt-4o --tenant acme
    """
    waits = Waits(seconds, log_seconds)
    if simulate:
        _report(_simulated(waits), as_json=as_json)
        return
    key = deployment_environment().get(_KEY, "")
    missing = [
        name
        for name, value in (("--gateway", gateway), ("--model", model), ("--tenant", tenant))
        if not value
    ]
    if missing:
        raise typer.BadParameter("is needed without --simulate", param_hint=", ".join(missing))
    if not key:
        raise ConfigurationError(f"{_KEY}: is not set: a key of a subscription of {tenant!r}")
    calls = GatewayCalls(gateway, key, model, dialect=dialect, use_case_header=use_case_header)
    _report(_tested(calls, tenant, waits), as_json=as_json)


async def _tested(calls: GatewayCalls, tenant: str, waits: Waits) -> AsyncIterator[Finding]:
    app = bootstrap.current()
    app.disable_telemetry()
    try:
        await must_know(app, tenant)
        async for finding in app.smoke_test(calls).run(tenant, uuid.uuid4().hex[:12], waits):
            yield finding
    finally:
        await app.close()


async def _simulated(waits: Waits) -> AsyncIterator[Finding]:
    """Yield the findings of a run against a system and a gateway on loopback."""
    # The local system is not installed in Azure.
    from metering.local.smoke import simulated  # noqa: PLC0415

    async for finding in simulated(waits):
        yield finding


def _report(findings: AsyncIterator[Finding], *, as_json: bool) -> None:
    """Print findings as they come, or all as JSON; exit with 1 if one fails."""

    async def collect() -> list[Finding]:
        found = []
        async for finding in findings:
            found.append(finding)
            if not as_json:
                print_finding(finding)
        return found

    found = asyncio.run(collect())
    if as_json:
        print_json([finding._asdict() for finding in found])
    if any(finding.state == "fail" for finding in found):
        raise typer.Exit(1)
