"""Moves in a tenants file: one that takes anything from another tenant is refused as a whole."""

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import soonest
from metering.core.tenancy.decisions import define_deployment
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.owners import belongs, in_use
from metering.core.tenancy.tenants_file import TenantsFile


def refuse_moves(directory: Directory, file: TenantsFile, now: Instant) -> None:
    """Raise ConfigurationError for the first thing in a file that belongs to somebody else.

    That is a subscription of another tenant, a deployment of another model, and new terms of a plan
    that tenants are on which the file does not name.
    """
    at = soonest(now)
    for tenant in file.tenants:
        for subscription in tenant.subscriptions:
            found = directory.assignment(subscription, at)
            if found is not None and found.tenant != tenant.id:
                owner = f"tenant {found.tenant!r}"
                raise belongs(f"subscription {subscription!r}", owner, f"to {tenant.id!r}")
    for deployment in file.deployments:
        define_deployment(directory, deployment, now)
    named = {tenant.id for tenant in file.tenants}
    for plan in file.plans:
        if directory.plan(plan.id, at) in {None, plan}:
            continue
        others = [one for one in directory.tenants() if one not in named]
        on_it = [one for one in others if directory.timeline(one).is_ever_on(plan.id, at)]
        if on_it:
            raise in_use(plan.id, on_it)
