"""Arguments that several commands share."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

import typer

from metering import bootstrap
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, parse_instant
from metering.core.calendars.calendars import LATEST
from metering.core.calendars.periods import LedgerId, Period
from metering.core.plans.plan import Plan
from metering.core.tenancy.directory import Directory

Tenant = Annotated[str, typer.Argument(help="The tenant's id.", show_default=False)]
PeriodName = Annotated[
    str | None,
    typer.Option("--period", help="Like 2026-11, by its name. Default: the last one with usage."),
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
    """Return the period that a command is about.

    ConfigurationError for an unknown tenant, and for a name that no period of its calendar has.
    """
    await must_know(app, tenant)
    if name is None:
        return await app.read.latest_period(tenant)
    directory = app.tenancy.directory
    found = named_period(directory, tenant, name)
    if found is None:
        now = app.clock.now()
        calendar, _, _ = directory.calendar_of(tenant, now)
        raise ConfigurationError(
            f"tenant {tenant!r}: has no period {name!r}: its calendar is {calendar.label};"
            f" the present period is {directory.period_at(tenant, now).name!r}"
        )
    return found


def named_period(directory: Directory, tenant: str, name: str) -> Period | None:
    """Return a tenant's period of a name; a usage error for what names no period at all."""
    try:
        return directory.find_period(tenant, name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--period") from None


async def ledgers_named(app: bootstrap.App, tenant: str | None, name: str) -> list[LedgerId]:
    """Return the ledgers of the period of a name: of one tenant, or of all that have such a one."""
    if tenant is not None:
        return [LedgerId(tenant, (await period_for(app, tenant, name)).start)]
    tenants, directory = await app.read.tenants(), app.tenancy.directory
    # A name that is none is a mistake without any tenant, too.
    named_period(directory, "", name)
    found = [(one, named_period(directory, one, name)) for one in tenants]
    return [LedgerId(one, period.start) for one, period in found if period is not None]


def instant(text: str | None, hint: str) -> Instant | None:
    """Return an optional RFC 3339 time; a usage error names the option."""
    if text is None:
        return None
    try:
        found = parse_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None
    if found >= LATEST:
        raise typer.BadParameter(f"{text!r} is too far away", param_hint=hint)
    return found
