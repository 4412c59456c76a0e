"""Tenants, their plans, subscriptions and members."""

from typing import Annotated

from fastapi import Depends, Path, Query, Response

from metering import bootstrap
from metering.api.auditing import Change, change
from metering.api.etags import IfMatch, expected_revision, tag
from metering.api.instants import From, instant_in
from metering.api.paging import Cursor, Limit, Page, page_of
from metering.api.parameters import TheApp, TheCaller, must_know, names_tenant
from metering.api.problems import not_found
from metering.api.routers import for_operators
from metering.core.basics.instants import format_instant
from metering.core.calendars.dated import FOREVER
from metering.documents.tenancy import (
    MemberDocument,
    MemberRequest,
    SubscriptionDocument,
    SubscriptionRequest,
    TenantDocument,
    TenantPlan,
    TenantPlanRequest,
)

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
async def list_tenants(
    app: TheApp, limit: Limit = 50, cursor: Cursor = None
) -> Page[TenantDocument]:
    """List the tenants as of now."""
    return page_of(
        await app.read.tenants(),
        lambda tenant: (tenant,),
        lambda tenant: _shown(app, tenant),
        listed="tenants",
        cursor=cursor,
        limit=limit,
    )


@router.get("/tenants/{tenant}", dependencies=[Depends(must_know)])
async def show_tenant(app: TheApp, tenant: str) -> TenantDocument:
    """Return a tenant as of now."""
    return _shown(app, tenant)


def _shown(app: bootstrap.App, tenant: str) -> TenantDocument:
    return TenantDocument.of(app.tenancy.directory, tenant, app.clock.now())


@router.get("/tenants/{tenant}/plan", dependencies=[Depends(must_know)])
async def plan_of_tenant(app: TheApp, tenant: str, response: Response) -> TenantPlan:
    """Return the plan of a tenant."""
    tag(response, app, "tenant_plan", tenant)
    return _plan_of(app, tenant)


@router.put("/tenants/{tenant}/plan", dependencies=[Depends(names_tenant)])
async def set_plan_of_tenant(
    app: TheApp,
    caller: TheCaller,
    tenant: str,
    body: TenantPlanRequest,
    response: Response,
    effective: From = None,
    if_match: IfMatch = None,
) -> TenantPlan:
    """Assign a plan to a tenant from now on. Earlier usage keeps its price."""
    start = instant_in(effective, "from")
    await app.tenancy.refresh()
    directory = app.tenancy.directory
    exists = directory.revision("tenant_plan", tenant) > 0
    expected = expected_revision(app, "tenant_plan", tenant, if_match, exists=exists)
    wanted = {**body.model_dump(), "from": effective}
    await change(
        app,
        caller,
        Change("tenant.plan", f"tenant/{tenant}", wanted),
        lambda: _plan_of(app, tenant).model_dump() if tenant in directory.tenants() else None,
        lambda: app.tenancy.assign_plan(tenant, body.plan, start, expected=expected),
    )
    tag(response, app, "tenant_plan", tenant)
    return _plan_of(app, tenant)


def _plan_of(app: bootstrap.App, tenant: str) -> TenantPlan:
    plan, _, end = app.tenancy.directory.plan_of(tenant, app.clock.now())
    until = None if end == FOREVER else format_instant(end)
    return TenantPlan(tenant=tenant, plan=plan.id, until=until)


@router.get("/subscriptions")
async def list_subscriptions(
    app: TheApp,
    tenant: Annotated[
        str | None, Query(max_length=64, description="Only subscriptions of this tenant.")
    ] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[SubscriptionDocument]:
    """List subscriptions with the tenants that pay for them as of now."""
    tenants = await app.read.tenants() if tenant is None else [tenant]
    await app.tenancy.refresh()
    directory, now = app.tenancy.directory, app.clock.now()
    rows = sorted((name, one) for one in tenants for name in directory.subjects(one, now))
    return page_of(
        rows,
        lambda row: (row[0],),
        lambda row: SubscriptionDocument(subscription=row[0], tenant=row[1]),
        listed=f"subscriptions {tenant}",
        cursor=cursor,
        limit=limit,
    )


@router.get("/subscriptions/{subscription:path}")
async def show_subscription(
    app: TheApp, subscription: Subject, response: Response
) -> SubscriptionDocument:
    """Return the tenant that pays for a subscription."""
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
    body: SubscriptionRequest,
    response: Response,
    effective: From = None,
    if_match: IfMatch = None,
) -> SubscriptionDocument:
    """Map a subscription to the tenant that pays for it. Counted usage stays where it is."""
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
            {**body.model_dump(), "from": effective},
        ),
        lambda: _payer(app, subscription).model_dump() if directory.knows(subscription) else None,
        # A known subscription needs If-Match: the caller has seen its owner.
        lambda: app.tenancy.map_subject(
            subscription, body.tenant, start, move=True, expected=expected
        ),
    )
    tag(response, app, "subject", subscription)
    return _payer(app, subscription)


def _payer(app: bootstrap.App, subscription: str) -> SubscriptionDocument:
    found = app.tenancy.directory.assignment(subscription, app.clock.now())
    return SubscriptionDocument(
        subscription=subscription, tenant=None if found is None else found.tenant
    )


@router.get("/members/{member}")
async def show_member(app: TheApp, member: Member, response: Response) -> MemberDocument:
    """Return the tenant that a person or an app can read."""
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
    body: MemberRequest,
    response: Response,
    if_match: IfMatch = None,
) -> MemberDocument:
    """Let a person or an app read a tenant from now on; null removes access."""
    await app.tenancy.refresh()
    members = app.tenancy.directory.members
    expected = expected_revision(app, "member", member, if_match, exists=members.is_named(member))
    await change(
        app,
        caller,
        Change("member.set", f"member/{member}", body.model_dump()),
        lambda: _member(app, member).model_dump() if members.is_named(member) else None,
        lambda: app.tenancy.set_member(member, body.tenant, move=True, expected=expected),
    )
    tag(response, app, "member", member)
    return _member(app, member)


def _member(app: bootstrap.App, member: str) -> MemberDocument:
    found = app.tenancy.directory.members.tenant_of(member, app.clock.now())
    return MemberDocument(member=member, tenant=found)
