"""`metering tenants` and `metering plans`: who pays, and under which terms."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from metering import bootstrap
from metering.adapters.files import read_structured
from metering.cli.options import Tenant, instant, plan_at, with_app
from metering.cli.output import AsJson, print_json, print_table, stdout
from metering.cli.tenancy.members import allow, disallow
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.validation import validated
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.plans.plan import Plan, read_plan
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.tenants_file import read_tenants_file

tenants = typer.Typer(no_args_is_help=True, help="Tenants and the subscriptions they pay for.")
tenants.command()(allow)
tenants.command()(disallow)
plans = typer.Typer(no_args_is_help=True, help="Plans: the terms under which tenants pay.")

From = Annotated[
    str | None,
    typer.Option("--from", help="When it takes effect. Default: at once; new ones from the start."),
]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML or JSON.")]


@tenants.command("list")
def list_tenants(as_json: AsJson = False) -> None:
    """List the tenants with their plan, calendar and subscriptions as of now.

    Example:  metering tenants list --json
    """

    async def read(app: bootstrap.App) -> list[dict[str, Any]]:
        await app.tenancy.refresh()
        directory, now = app.tenancy.directory, app.clock.now()
        return [
            {
                "tenant": tenant,
                "plan": directory.plan_of(tenant, now)[0].id,
                **_calendars(directory, tenant, now),
                "subscriptions": directory.subjects(tenant, now),
            }
            for tenant in directory.tenants()
        ]

    found = with_app(read)
    if as_json:
        print_json(found)
        return
    rows = [
        [row["tenant"], row["plan"], _told(row), " ".join(row["subscriptions"])] for row in found
    ]
    print_table("Tenants", ["tenant", "plan", "calendar", "subscriptions"], rows, left=4)


def _calendars(directory: Directory, tenant: str, now: Instant) -> dict[str, Any]:
    """Return a tenant's calendar, with the one that follows if that is decided, as JSON values."""
    calendar, _, end = directory.calendar_of(tenant, now)
    following = None
    if end != FOREVER:
        after, _, _ = directory.calendar_of(tenant, end)
        following = {**after.model_dump(), "from": format_instant(end)}
    return {"calendar": calendar.model_dump(), "next_calendar": following}


def _told(row: dict[str, Any]) -> str:
    told = Calendar(**row["calendar"]).label
    following = dict(row["next_calendar"] or {})
    if following:
        start = following.pop("from")
        told += f"; from {start} {Calendar(**following).label}"
    return told


@tenants.command("set")
def set_tenant(
    tenant: Tenant,
    plan: Annotated[str | None, typer.Option(help="Put the tenant on this plan.")] = None,
    subscription: Annotated[
        list[str] | None, typer.Option(help="Make it pay for this one; may be repeated.")
    ] = None,
    effective: From = None,
) -> None:
    """Put TENANT on a plan and make it pay for subscriptions, from now on.

    What a request costs never changes afterwards: a change takes effect no earlier than now. Only
    the first mapping of a subscription may reach back.

    Example:  metering tenants set acme --plan default --subscription sub-3
    """
    start = instant(effective, "--from")
    if plan is None and not subscription:
        raise typer.BadParameter("give --plan or --subscription")

    async def apply(app: bootstrap.App) -> None:
        tenancy = app.tenancy
        await tenancy.refresh()
        if plan is not None:
            await tenancy.assign_plan(tenant, plan, start)
        for subject in subscription or ():
            await tenancy.map_subject(subject, tenant, start)

    with_app(apply)
    stdout().print(f"tenant {tenant}: recorded")


@tenants.command("calendar")
def set_calendar(
    tenant: Tenant,
    cycle: Annotated[
        Literal["monthly", "weekly", "daily"], typer.Option(help="How long a period is.")
    ] = "monthly",
    anchor: Annotated[
        int, typer.Option(help="The day it begins on: of the month, or of the week from Monday.")
    ] = 1,
    time_zone: Annotated[str, typer.Option(help="An IANA name, such as Europe/Berlin.")] = "UTC",
    effective: Annotated[
        str | None,
        typer.Option(
            "--from", help="The start of a period. Default: the next one; new ones from the start."
        ),
    ] = None,
) -> None:
    """Give TENANT billing periods of its own calendar, from one of its next period starts on.

    What has been counted stays in its period. A new tenant has it from the beginning.

    Example:  metering tenants calendar acme --cycle weekly --anchor 1 --time-zone Europe/Berlin
    """
    start = instant(effective, "--from")
    content = {"cycle": cycle, "anchor": anchor, "time_zone": time_zone}
    calendar = validated(Calendar, f"calendar of {tenant}", content)
    begins = with_app(lambda app: app.tenancy.set_calendar(tenant, calendar, start))
    since = "the beginning" if begins == BEGINNING else format_instant(begins)
    stdout().print(f"tenant {tenant}: {calendar.label}, from {since}", soft_wrap=True)


@tenants.command("import")
def import_tenants(file: File) -> None:
    """Take over plans, tenants and subscriptions from FILE. Doing it again changes nothing.

    Example:  metering tenants import tenants.yaml
    """
    content = read_tenants_file(str(file), read_structured(file))
    with_app(lambda app: app.tenancy.take_over(content))
    stdout().print(f"{len(content.tenants)} tenants, {len(content.plans)} plans: recorded")


@plans.command("list")
def list_plans(as_json: AsJson = False) -> None:
    """List the plans in force.

    Example:  metering plans list --json
    """

    async def read(app: bootstrap.App) -> list[Plan]:
        await app.tenancy.refresh()
        return app.tenancy.directory.plans(app.clock.now())

    found = with_app(read)
    if as_json:
        print_json([plan.model_dump() for plan in found])
        return
    rows = [
        [
            *(plan.id, plan.currency, plan.billing, plan.unpriced),
            *(" ".join(plan.period_terms) or "-", plan.markup),
        ]
        for plan in found
    ]
    columns = ["plan", "currency", "billing", "unpriced", "by period", "markup"]
    print_table("Plans", columns, rows, left=5)


@plans.command("show")
def show_plan(
    plan: Annotated[str, typer.Argument(metavar="ID", help="The plan's id.", show_default=False)],
    at: Annotated[str | None, typer.Option(help="As it is at a time. Default: now.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one plan in full, each term by its place in the file.

    Example:  metering plans show reseller --json
    """
    moment = instant(at, "--at")
    found = with_app(lambda app: plan_at(app, plan, app.clock.now() if moment is None else moment))
    content = found.model_dump(mode="json")
    if as_json:
        print_json(content)
    else:
        print_table(f"Plan {found.id}", ["term", "value"], list(_places("", content)), left=2)


def _places(place: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield what stands at each place, named as in error messages."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in parts:
            yield from _places(f"{place}.{name}" if place else str(name), part)
    else:
        yield place, "null" if value is None else str(value)


@plans.command("set")
def set_plan(file: File, effective: From = None) -> None:
    """Put the plan in FILE in force, from now on; a new plan from the beginning.

    Example:  metering plans set reseller.yaml
    """
    plan = read_plan(str(file), read_structured(file))
    start = instant(effective, "--from")

    async def apply(app: bootstrap.App) -> None:
        tenancy = app.tenancy
        await tenancy.refresh()
        await tenancy.define_plan(plan, start)

    with_app(apply)
    stdout().print(f"plan {plan.id}: recorded")
