"""Arguments that several commands share."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, Literal

import typer

from metering import bootstrap
from metering.cli import completing
from metering.cli.output import escape, stderr
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.suggestions import unknown
from metering.core.calendars.calendars import calendar_instant
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, Period
from metering.core.plans.plan import Plan
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Decision
from metering.settings.settings import Settings, SqliteStore

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

Tenant = Annotated[
    str,
    typer.Argument(help="The tenant's id.", show_default=False, autocompletion=completing.tenants),
]
PeriodName = Annotated[
    str | None,
    typer.Option("--period", help="A period, such as 2026-11. Default: the last one with usage."),
]

DeploymentType = Annotated[
    Literal["global", "data_zone", "regional", "provisioned"],
    typer.Option(help="How the model is deployed."),
]
Tier = Annotated[
    Literal["standard", "batch", "priority", "flex"], typer.Option(help="The service tier.")
]
TierOfPrice = Annotated[
    Literal["standard", "batch", "priority", "flex", "off_peak", "provisioned", "reserved"],
    typer.Option(help="The service tier, or the traffic type, that served the request."),
]


def with_app[T](work: Callable[[bootstrap.App], Awaitable[T]], *, creates: bool = False) -> T:
    """Run `work` with the app of this process, then close it.

    Only with `creates` may it make the file of a SQLite store.
    """

    async def run() -> T:
        app = bootstrap.current(creates=creates)
        news = made(app.settings)
        app.disable_telemetry()
        app.is_command = True
        try:
            done = await work(app)
        finally:
            await app.close()
        if news is not None and made(app.settings) is None:
            stderr().print(escape(news))
        return done

    return asyncio.run(run())


def made(settings: Settings) -> str | None:
    """Return what to say once the file of the store is there, if it is not; else None."""
    store = settings.store
    if not isinstance(store, SqliteStore) or store.path.exists():
        return None
    return f"store {store.path}: made"


async def must_know(app: bootstrap.App, tenant: str) -> None:
    """Raise ConfigurationError for an unknown tenant."""
    if not await app.read.knows(tenant):
        raise unknown("tenant", tenant, await app.read.tenants(), "tenants list")


async def plan_at(app: bootstrap.App, plan_id: str, at: Instant) -> Plan:
    """Return a plan as of an instant. Raises ConfigurationError if it is unknown."""
    await app.tenancy.refresh()
    found = app.tenancy.directory.plan(plan_id, at)
    if found is None:
        raise unknown("plan", plan_id, app.tenancy.directory.plan_ids(), "plans list")
    return found


async def period_for(
    app: bootstrap.App, tenant: str, name: str | None, option: str = "--period"
) -> Period:
    """Return a period of a tenant by name; without a name, the last one with usage.

    Raises ConfigurationError for an unknown tenant or period.
    """
    await must_know(app, tenant)
    if name is None:
        return await app.read.latest_period(tenant)
    directory = app.tenancy.directory
    found = named_period(directory, tenant, name, option)
    if found is None:
        now = app.clock.now()
        calendar, _, _ = directory.calendar_of(tenant, now)
        raise ConfigurationError(
            f"tenant {tenant!r} has no period {name!r}: its calendar is {calendar.label};"
            f" the current period is {directory.period_at(tenant, now).name!r}"
        )
    return found


def named_period(
    directory: Directory, tenant: str, name: str, option: str = "--period"
) -> Period | None:
    """Return a tenant's period by name; a usage error for a malformed name."""
    try:
        return directory.find_period(tenant, name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


async def ledgers_named(app: bootstrap.App, tenant: str | None, name: str) -> list[LedgerId]:
    """Return the ledgers of a period by name, of one tenant or of all that have it."""
    if tenant is not None:
        return [LedgerId(tenant, (await period_for(app, tenant, name)).start)]
    tenants, directory = await app.read.tenants(), app.tenancy.directory
    # Reject a malformed name even if there are no tenants.
    named_period(directory, "", name)
    found = [(one, named_period(directory, one, name)) for one in tenants]
    return [LedgerId(one, period.start) for one, period in found if period is not None]


Move = Annotated[
    bool, typer.Option("--move", help="Also take what belongs to somebody else from its owner.")
]


def since(decision: Decision[Instant]) -> str:
    """Return from when a decision holds, in words; `unchanged` if it recorded nothing."""
    if decision.record is None:
        return "unchanged"
    return from_start(decision.outcome)


def from_start(start: Instant) -> str:
    """Return in words from when something holds."""
    return f"from {'the beginning' if start == BEGINNING else format_instant(start)}"


def instant(text: str | None, hint: str) -> Instant | None:
    """Return an optional RFC 3339 time. The usage error names the option."""
    if text is None:
        return None
    try:
        return calendar_instant(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=hint) from None


def day_or_instant(text: str | None, hint: str) -> Instant | None:
    """Return an optional time; a date means its start in UTC. The usage error names the option."""
    if text is not None and _DATE.fullmatch(text):
        text += "T00:00:00Z"
    return instant(text, hint)
