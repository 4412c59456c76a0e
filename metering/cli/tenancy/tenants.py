"""`metering tenants` and `metering plans`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from metering import bootstrap
from metering.adapters.files import read_structured
from metering.cli.auditing import changing
from metering.cli.options import Move, Tenant, instant, plan_at, since, with_app
from metering.cli.output import AsJson, escape, print_table, show, stderr, stdout
from metering.cli.tenancy.customers import customer
from metering.cli.tenancy.members import allow, disallow
from metering.cli.tenancy.stops import resume, stop
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.validation import validated
from metering.core.basics.wording import plural
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.dated import BEGINNING
from metering.core.plans.plan import Plan, read_plan
from metering.core.quotas.plan_check import Known, unenforced
from metering.core.tenancy.decisions import map_subject
from metering.core.tenancy.record import Decision
from metering.core.tenancy.tenants_file import read_tenants_file
from metering.documents.tenancy import TenantDocument, plans_listed

tenants = typer.Typer(no_args_is_help=True, help="Tenants and the subscriptions they pay for.")
tenants.command()(allow)
tenants.command()(disallow)
tenants.command()(stop)
tenants.command()(resume)
tenants.command()(customer)
plans = typer.Typer(no_args_is_help=True, help="Plans: the terms under which tenants pay.")

From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="When it takes effect. Default: in five minutes, because events may be that far ahead"
        " of the clock; a new record applies from the beginning.",
    ),
]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="YAML or JSON.")]


@tenants.command("list")
def list_tenants(as_json: AsJson = False) -> None:
    """List the tenants with their plan, calendar and subscriptions as of now.

    It also shows what operators have stopped, and what is scheduled.

    Example:  metering tenants list --json
    """

    async def read(app: bootstrap.App) -> list[TenantDocument]:
        await app.tenancy.refresh()
        directory, now = app.tenancy.directory, app.clock.now()
        return [TenantDocument.of(directory, tenant, now) for tenant in directory.tenants()]

    found = with_app(read)
    rows = [
        [one.tenant, one.plan, _calendars(one), " ".join(one.subscriptions), _notes(one)]
        for one in found
    ]
    columns = ["tenant", "plan", "calendar", "subscriptions", "stopped or scheduled"]
    show(found, lambda: print_table("Tenants", columns, rows, left=5), as_json=as_json)


def _notes(tenant: TenantDocument) -> str:
    stops = [
        f"{one.subscription or 'all'} stopped since {one.since}: {one.reason}"
        for one in tenant.stopped
    ]
    return "; ".join([*stops, *(f"from {one.start} {one.what}" for one in tenant.scheduled)]) or "-"


def _calendars(tenant: TenantDocument) -> str:
    label = Calendar(**tenant.calendar.model_dump()).label
    following = tenant.next_calendar
    if following is None:
        return label
    after = Calendar(**following.model_dump(exclude={"start"}))
    return f"{label}; from {following.start} {after.label}"


@tenants.command("set")
def set_tenant(
    tenant: Tenant,
    plan: Annotated[str | None, typer.Option(help="Assign this plan.")] = None,
    subscription: Annotated[
        list[str] | None, typer.Option(help="Map this subscription to the tenant. Repeatable.")
    ] = None,
    effective: From = None,
    move: Move = False,
) -> None:
    """Assign a plan and subscriptions to TENANT, in five minutes or from --from on.

    Changes never affect the price of earlier requests. A new tenant, and the first mapping of a
    subscription, apply from the beginning. A subscription of another tenant is moved only with
    --move. The command prints from when each change holds.

    Example:  metering tenants set acme --plan default --subscription sub-3
    """
    start = instant(effective, "--from")
    if plan is None and not subscription:
        raise typer.BadParameter("give --plan or --subscription")

    async def apply(app: bootstrap.App) -> list[str]:
        tenancy, done = app.tenancy, list[str]()
        await tenancy.refresh()
        for subject in subscription or ():
            # Refused before anything is recorded.
            map_subject(tenancy.directory, subject, tenant, app.clock.now(), start, move=move)
        if plan is not None:
            decision = await tenancy.assign_plan(tenant, plan, start)
            done.append(f"plan {plan} {since(decision)}")
        for subject in subscription or ():
            decision = await tenancy.map_subject(subject, tenant, start, move=move)
            done.append(f"subscription {subject} {since(decision)}")
        return done

    wanted = {"plan": plan, "subscriptions": subscription, "from": effective, "move": move}
    done = changing("tenant.set", f"tenant/{tenant}", wanted, apply)
    stdout().print(escape(f"tenant {tenant}: {'; '.join(done)}"))


@tenants.command("calendar")
def set_calendar(
    tenant: Tenant,
    cycle: Annotated[
        Literal["monthly", "weekly", "daily"], typer.Option(help="The length of a period.")
    ] = "monthly",
    anchor: Annotated[
        int,
        typer.Option(help="The first day of a period: of the month, or of the week from Monday."),
    ] = 1,
    time_zone: Annotated[str, typer.Option(help="An IANA name, such as Europe/Berlin.")] = "UTC",
    effective: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="The start of a period. Default: the next one; a new tenant from the beginning.",
        ),
    ] = None,
) -> None:
    """Set the billing calendar of TENANT, starting with one of its next periods.

    Counted usage stays in its period. For a new tenant the calendar applies from the beginning.

    Example:  metering tenants calendar acme --cycle weekly --anchor 1 --time-zone Europe/Berlin
    """
    start = instant(effective, "--from")
    content = {"cycle": cycle, "anchor": anchor, "time_zone": time_zone}
    calendar = validated(Calendar, f"calendar of {tenant}", content)
    begins = changing(
        "tenant.calendar",
        f"tenant/{tenant}",
        content | {"from": effective},
        lambda app: app.tenancy.set_calendar(tenant, calendar, start),
    )
    since = "the beginning" if begins == BEGINNING else format_instant(begins)
    stdout().print(f"tenant {tenant}: {calendar.label}, from {since}", soft_wrap=True)


@tenants.command("import")
def import_tenants(file: File, move: Move = False) -> None:
    """Import plans, tenants, subscriptions and deployments from FILE. Safe to repeat.

    What is new applies from the beginning, a change in five minutes. A subscription of another
    tenant, a deployment of another model, and a plan that tenants outside FILE are on are changed
    only with --move: without it such a file is refused as a whole.

    Example:  metering tenants import tenants.yaml
    """
    content = read_tenants_file(str(file), read_structured(file))

    async def apply(app: bootstrap.App) -> list[Decision[Instant]]:
        await app.tenancy.refresh()
        return await app.tenancy.take_over(content, move=move)

    wanted = {"file": str(file), "move": move, **content.model_dump(mode="json")}
    done = changing("tenants.import", "tenants", wanted, apply)
    changes = [one for one in done if one.record is not None]
    latest = max(changes, key=lambda one: one.outcome, default=None)
    held = (
        "unchanged"
        if latest is None
        else f"{plural(len(changes), 'change')}, the last {since(latest)}"
    )
    stdout().print(
        f"{plural(len(content.tenants), 'tenant')}, {plural(len(content.plans), 'plan')}: {held}"
    )


@plans.command("list")
def list_plans(as_json: AsJson = False) -> None:
    """List the plans in force, and the versions that are scheduled.

    Example:  metering plans list --json
    """

    async def read(app: bootstrap.App) -> tuple[list[Plan], list[dict[str, Any]]]:
        await app.tenancy.refresh()
        directory, now = app.tenancy.directory, app.clock.now()
        return directory.plans(now), plans_listed(directory, now)

    found, listed = with_app(read)
    rows = [
        [
            *(plan.id, plan.currency, plan.billing, plan.unpriced),
            *(" ".join(plan.period_terms) or "-", plan.markup),
            " ".join(row["scheduled"]) or "-",
        ]
        for plan, row in zip(found, listed, strict=True)
    ]
    columns = ["plan", "currency", "billing", "unpriced", "by period", "markup", "other terms from"]
    show(listed, lambda: print_table("Plans", columns, rows, left=5), as_json=as_json)


@plans.command("show")
def show_plan(
    plan: Annotated[str, typer.Argument(metavar="ID", help="The plan's id.", show_default=False)],
    at: Annotated[
        str | None, typer.Option(help="Show the plan as of this time. Default: now.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show all terms of a plan, each with its place in the file.

    Example:  metering plans show reseller --json
    """
    moment = instant(at, "--at")
    found = with_app(lambda app: plan_at(app, plan, app.clock.now() if moment is None else moment))
    content = found.model_dump(mode="json")
    title, rows = f"Plan {found.id}", list(_terms("", content))
    show(content, lambda: print_table(title, ["term", "value"], rows, left=2), as_json=as_json)


def _terms(place: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield each term with its place, named as in error messages."""
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for name, part in parts:
            yield from _terms(f"{place}.{name}" if place else str(name), part)
    else:
        yield place, "null" if value is None else str(value)


@plans.command("set")
def set_plan(file: File, effective: From = None) -> None:
    """Set the plan in FILE, in five minutes or from --from on.

    A new plan applies from the beginning. The command prints from when the plan holds, and for how
    many tenants.

    Example:  metering plans set reseller.yaml
    """
    plan = read_plan(str(file), read_structured(file))
    start = instant(effective, "--from")

    async def apply(app: bootstrap.App) -> tuple[Decision[Instant], int, list[str]]:
        decision = await app.tenancy.define_plan(plan, start)
        directory, at = app.tenancy.directory, decision.outcome
        on_it = [one for one in directory.tenants() if directory.plan_of(one, at)[0].id == plan.id]
        return decision, len(on_it), unenforced(plan, _known(app))

    wanted = {"plan": plan.model_dump(mode="json", exclude_defaults=True), "from": effective}
    decision, number, warnings = changing("plan.set", f"plan/{plan.id}", wanted, apply)
    for warning in warnings:
        stderr().print(escape(f"warning: {warning}"), soft_wrap=True)
    tenants_on_it = "1 tenant" if number == 1 else f"{number} tenants"
    stdout().print(f"plan {plan.id}: {since(decision)}, for {tenants_on_it}")


def _known(app: bootstrap.App) -> Known:
    directory, prices, now = app.tenancy.directory, app.tenancy.prices, app.clock.now()
    served = {prices.canonical(one.model) or one.model for one in directory.deployments(now)}
    subjects = {name for one in directory.tenants() for name in directory.subjects(one, now)}
    suspends = app.settings.apim_service is not None
    return Known(frozenset(served), frozenset(subjects), suspends)
