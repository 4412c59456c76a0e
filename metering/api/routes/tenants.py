"""Tenants, their plans and subscriptions, and who may read them."""

from typing import Annotated

from fastapi import Depends, Path, Query, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.etags import IfMatch, expected_revision, tag
from metering.api.instants import From, instant_in, told
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller, names_tenant
from metering.api.problems import not_found
from metering.api.routers import for_operators
from metering.api.routes.balance import must_know
from metering.api.shapes.tenants import (
    MemberShown,
    MemberWanted,
    PlanOfTenant,
    PlanWanted,
    SubscriptionShown,
    SubscriptionWanted,
    TenantShown,
)
from metering.core.calendars.dated import FOREVER

router = for_operators("tenants")

Subject = Annotated[
    str,
    Path(min_length=1, max_length=256, description="A subscription, or app:<client id>."),
]
Member = Annotated[
    str,
    Path(max_length=64, description="user:<object id> or app:<client id>."),
]


@router.get("/tenants")
async def list_tenants(app: TheApp, limit: Limit = 50, cursor: Cursor = None) -> Page[TenantShown]:
    """List the tenants as of now."""
    return page_of(
        await app.read.tenants(),
        lambda tenant: (tenant,),
        lambda tenant: _shown(app, tenant),
        listed="tenants",
        cursor=cursor,
        limit=limit,
    )


@router.get("/tenants/{tenant}", dependencies=[Depends(names_tenant)])
async def show_tenant(app: TheApp, tenant: str) -> TenantShown:
    """Show one tenant as of now."""
    await must_know(app, tenant)
    return _shown(app, tenant)


def _shown(app: bootstrap.App, tenant: str) -> TenantShown:
    directory, now = app.tenancy.directory, app.clock.now()
    plan, _, _ = directory.plan_of(tenant, now)
    return TenantShown(
        tenant=tenant,
        plan=plan.id,
        currency=plan.currency,
        billing=plan.billing,
        subscriptions=directory.subjects(tenant, now),
        members=directory.members.of(tenant, now),
    )


@router.get("/tenants/{tenant}/plan", dependencies=[Depends(names_tenant)])
async def plan_of_tenant(app: TheApp, tenant: str, response: Response) -> PlanOfTenant:
    """Show the plan that a tenant is on."""
    await must_know(app, tenant)
    tag(response, app, "tenant_plan", tenant)
    return _plan_of(app, tenant)


@router.put("/tenants/{tenant}/plan", dependencies=[Depends(names_tenant)])
async def set_plan_of_tenant(
    app: TheApp,
    caller: TheCaller,
    tenant: str,
    wish: PlanWanted,
    response: Response,
    effective: From = None,
    if_match: IfMatch = None,
) -> PlanOfTenant:
    """Put a tenant on a plan, from now on; what requests cost so far stays."""
    start = instant_in(effective, "from")
    await app.tenancy.refresh()
    directory = app.tenancy.directory
    exists = directory.revision("tenant_plan", tenant) > 0
    expected = expected_revision(app, "tenant_plan", tenant, if_match, exists=exists)
    wanted = {**wish.model_dump(), "from": effective}
    await change(
        app,
        caller,
        Change("tenant.plan", f"tenant/{tenant}", wanted),
        lambda: _plan_of(app, tenant).model_dump() if tenant in directory.tenants() else None,
        lambda: app.tenancy.assign_plan(tenant, wish.plan, start, expected=expected),
    )
    tag(response, app, "tenant_plan", tenant)
    return _plan_of(app, tenant)


def _plan_of(app: bootstrap.App, tenant: str) -> PlanOfTenant:
    plan, _, end = app.tenancy.directory.plan_of(tenant, app.clock.now())
    return PlanOfTenant(tenant=tenant, plan=plan.id, until=told(None if end == FOREVER else end))


@router.get("/subscriptions")
async def list_subscriptions(
    app: TheApp,
    tenant: Annotated[str | None, Query(max_length=64, description="Only this one's.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SubscriptionShown]:
    """List who pays for which subscription as of now."""
    tenants = await app.read.tenants() if tenant is None else [tenant]
    await app.tenancy.refresh()
    directory, now = app.tenancy.directory, app.clock.now()
    rows = sorted((name, one) for one in tenants for name in directory.subjects(one, now))
    return page_of(
        rows,
        lambda row: (row[0],),
        lambda row: SubscriptionShown(subscription=row[0], tenant=row[1]),
        listed=f"subscriptions {tenant}",
        cursor=cursor,
        limit=limit,
    )


@router.get("/subscriptions/{subscription:path}")
async def show_subscription(
    app: TheApp, subscription: Subject, response: Response
) -> SubscriptionShown:
    """Show who pays for a subscription."""
    await app.tenancy.refresh()
    if not app.tenancy.directory.knows(subscription):
        raise not_found()
    tag(response, app, "subject", subscription)
    return _payer(app, subscription)


@router.put("/subscriptions/{subscription:path}")
async def map_subscription(
    app: TheApp,
    caller: TheCaller,
    subscription: Subject,
    wish: SubscriptionWanted,
    response: Response,
    effective: From = None,
    if_match: IfMatch = None,
) -> SubscriptionShown:
    """Make a tenant pay for a subscription. What was counted before stays where it is."""
    start = instant_in(effective, "from")
    await app.tenancy.refresh()
    directory = app.tenancy.directory
    exists = directory.knows(subscription)
    expected = expected_revision(app, "subject", subscription, if_match, exists=exists)
    await change(
        app,
        caller,
        Change(
            "subscription.map",
            f"subscription/{subscription}",
            {**wish.model_dump(), "from": effective},
        ),
        lambda: _payer(app, subscription).model_dump() if directory.knows(subscription) else None,
        lambda: app.tenancy.map_subject(subscription, wish.tenant, start, expected=expected),
    )
    tag(response, app, "subject", subscription)
    return _payer(app, subscription)


def _payer(app: bootstrap.App, subscription: str) -> SubscriptionShown:
    found = app.tenancy.directory.assignment(subscription, app.clock.now())
    return SubscriptionShown(
        subscription=subscription, tenant=None if found is None else found.tenant
    )


@router.get("/members/{member}")
async def show_member(app: TheApp, member: Member, response: Response) -> MemberShown:
    """Show which tenant a person or an app may read."""
    await app.tenancy.refresh()
    if not app.tenancy.directory.members.is_named(member):
        raise not_found()
    tag(response, app, "member", member)
    return _member(app, member)


@router.put("/members/{member}")
async def set_member(
    app: TheApp,
    caller: TheCaller,
    member: Member,
    wish: MemberWanted,
    response: Response,
    if_match: IfMatch = None,
) -> MemberShown:
    """Let a person or an app read a tenant from now on, or none with null."""
    await app.tenancy.refresh()
    members = app.tenancy.directory.members
    expected = expected_revision(app, "member", member, if_match, exists=members.is_named(member))
    await change(
        app,
        caller,
        Change("member.set", f"member/{member}", wish.model_dump()),
        lambda: _member(app, member).model_dump() if members.is_named(member) else None,
        lambda: app.tenancy.set_member(member, wish.tenant, expected=expected),
    )
    tag(response, app, "member", member)
    return _member(app, member)


def _member(app: bootstrap.App, member: str) -> MemberShown:
    found = app.tenancy.directory.members.tenant_of(member, app.clock.now())
    return MemberShown(member=member, tenant=found)
