"""Recording a tenants file: each decision that it asks for, in the order in which they depend."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import soonest
from metering.core.tenancy.record import Decision
from metering.core.tenancy.tenants_file import TenantEntry, TenantsFile

if TYPE_CHECKING:
    from metering.app.tenancy.tenancy import Tenancy


async def taken_over(
    tenancy: "Tenancy", file: TenantsFile, *, changes: bool, move: bool
) -> AsyncIterator[Decision[Instant]]:
    """Record what a file says and does not hold already; yield each decision.

    Without `changes` only what is unknown is recorded.
    """
    directory = tenancy.directory
    paying = {one.id for one in file.tenants if directory.is_paying(one.id)}
    for plan in file.plans:
        if changes or directory.plan(plan.id, soonest(tenancy.clock.now())) is None:
            yield await tenancy.define_plan(plan, None)
    for tenant in file.tenants:
        if changes or tenant.id not in paying:
            yield await _assigned(tenancy, tenant)
        for subscription in tenant.subscriptions:
            if changes or not directory.knows(subscription):
                yield await tenancy.map_subject(subscription, tenant.id, None, move=move)
    for deployment in file.deployments:
        if changes or not directory.knows_deployment(deployment.name, deployment.account):
            yield await tenancy.define_deployment(deployment, None, move=move)


async def _assigned(tenancy: "Tenancy", tenant: TenantEntry) -> Decision[Instant]:
    if tenant.calendar is not None:
        # First: the tenant is still new then, and its calendar may reach back.
        await tenancy.set_calendar(tenant.id, tenant.calendar, None)
    return await tenancy.assign_plan(tenant.id, tenant.plan, None)
