"""Arguments that several commands share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import typer

from metering import bootstrap
from metering.core.errors import ConfigurationError
from metering.core.instants import Instant, parse_instant
from metering.core.periods import Period, parse_month
from metering.core.plan import Plan

Tenant = Annotated[str, typer.Argument(help="The tenant's id.", show_default=False)]
PeriodName = Annotated[
    str | None,
    typer.Option("--period", help="A month like 2026-11. Default: the last one with usage."),
]

DeploymentType = Annotated[
    Literal["global", "data_zone", "regional", "provisioned"],
    typer.Option(help="How the model is deployed."),
]
Tier = Annotated[
    Literal["standard", "batch", "priority", "flex"], typer.Option(help="The service tier.")
]


def with_app[T](work: Callable[[bootstrap.App], Awaitable[T]]) -> T:
    """Run `work` on the app of this process and close what it opened."""

    async def run() -> T:
        app = bootstrap.current()
        app.be_silent()
        try:
            return await work(app)
        finally:
            await app.close()

    return asyncio.run(run())


async def must_know(app: bootstrap.App, tenant: str) -> None:
    """Raise ConfigurationError for a tenant that there is not."""
    if not await app.read.knows(tenant):
        raise ConfigurationError(f"tenant {tenant!r}: there is none: see `metering tenants list`")


async def plan_at(app: bootstrap.App, plan_id: str, at: Instant) -> Plan:
    """Return a plan as it is at an instant; ConfigurationError where there is none."""
    await app.tenancy.refresh()
    found = app.tenancy.directory.plan(plan_id, at)
    if found is None:
        raise ConfigurationError(f"plan {plan_id!r}: there is none: see `metering plans list`")
    return found


async def period_for(app: bootstrap.App, tenant: str, name: str | None) -> Period:
    """Return the period that a command is about; ConfigurationError for an unknown tenant."""
    await must_know(app, tenant)
    if name is None:
        return await app.read.latest_period(tenant)
    try:
        return parse_month(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period") from None


def instant(text: str | None, hint: str) -> Instant | None:
    """Return an optional RFC 3339 time; a usage error names the option."""
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None
