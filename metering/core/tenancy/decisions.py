"""Decisions on tenants, plans, deployments, members and prices, as functions of the directory.

Each takes the directory and the present instant and returns a Decision. ConfigurationError names
what is refused. Without `effective`, a value that is new holds from the beginning, so that dead
letters replay; a change to a known one holds from `soonest` on.
"""

import hashlib
import re
from itertools import count
from typing import Final

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.basics.patterns import IDENTIFIER
from metering.core.basics.suggestions import unknown
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.dated import BEGINNING, refuse_the_past, soonest
from metering.core.deployments.capacity import refuse_mixed_currencies
from metering.core.deployments.deployment import Deployment
from metering.core.plans.changes import refuse_uneven
from metering.core.plans.plan import DEFAULT_PLAN, Plan
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.members import NOBODY, check_member
from metering.core.tenancy.owners import belongs
from metering.core.tenancy.record import Decision, Record, check_tenant_id

#: Characters of a subject kept in a generated tenant id: 64 less the hash and its dash.
_NAME_LENGTH: Final = 51
_HASH_BYTES: Final = 6


def map_subject(
    directory: Directory,
    subject: str,
    tenant: str,
    now: Instant,
    effective: Instant | None = None,
    *,
    move: bool = False,
) -> Decision[Instant]:
    """Make `tenant` pay for `subject`. Only a subject's first mapping may reach back.

    Another tenant's subject is moved only if told to.
    """
    is_known = directory.knows(subject)
    start = _start(now, effective, is_new=not is_known)
    found = directory.assignment(subject, start)
    if found is not None and found.tenant == tenant:
        return Decision(start, None)
    check_tenant_id(tenant)
    if not subject:
        raise ConfigurationError("subscription: is empty")
    if is_known:
        refuse_the_past(f"subscription {subject!r}", now, start)
    if found is not None and not move:
        raise belongs(f"subscription {subject!r}", f"tenant {found.tenant!r}", f"to {tenant!r}")
    return Decision(start, Record("subject", subject, tenant, start, now))


def map_unknown_subject(directory: Directory, subject: str, now: Instant) -> Decision[Instant]:
    """Give an unknown subject a tenant of its own, from the beginning."""
    if directory.knows(subject):
        return Decision(BEGINNING, None)
    return map_subject(directory, subject, automatic_tenant(directory, subject), now, BEGINNING)


def automatic_tenant(directory: Directory, subject: str) -> str:
    """Return the id of the tenant to create for an unknown subject: the subject itself if possible.

    A subject that is no valid tenant id, or equals an existing tenant's, gets an id with a hash, so
    that two subjects never share a tenant by accident.
    """
    if IDENTIFIER.fullmatch(subject) and directory.since(subject) is None:
        return subject
    name = re.sub(r"[^A-Za-z0-9._-]", "-", subject)[:_NAME_LENGTH]
    candidates = (f"{name}-{_hash(subject, salt)}" for salt in count())
    return next(one for one in candidates if directory.since(one) is None)


def _hash(subject: str, salt: int) -> str:
    content = f"{subject}\0{salt}".encode()
    return hashlib.blake2b(content, digest_size=_HASH_BYTES).hexdigest()


def assign_plan(
    directory: Directory,
    tenant: str,
    plan_id: str,
    now: Instant,
    effective: Instant | None = None,
) -> Decision[Instant]:
    """Put a tenant on a plan. Only a new tenant's first plan may reach back."""
    is_new = directory.may_reach_back(tenant, now)
    start = _start(now, effective, is_new=is_new)
    if not is_new and directory.plan_of(tenant, start)[0].id == plan_id:
        return Decision(start, None)
    check_tenant_id(tenant)
    if directory.plan(plan_id, max(now, start)) is None:
        raise unknown("plan", plan_id, directory.plan_ids(), "plans list")
    if not is_new:
        refuse_the_past(f"the plan of tenant {tenant!r}", now, start)
    known = directory.timeline(tenant)
    moved = known._replace(moves=known.moves.plus(start, plan_id))
    refuse_uneven(f"tenant {tenant!r}", moved, start, soonest(now))
    return Decision(start, Record("tenant_plan", tenant, plan_id, start, now))


def set_calendar(
    directory: Directory,
    tenant: str,
    calendar: Calendar,
    now: Instant,
    effective: Instant | None = None,
) -> Decision[Instant]:
    """Give a tenant a calendar. Only a new tenant's first calendar may reach back.

    Any other one starts with a period of the calendar before it, so that no period that has begun
    is ever cut. Without `effective` it starts with the next period that may still change.
    """
    is_new = directory.may_reach_back(tenant, now)
    start = effective
    if start is None:
        start = BEGINNING if is_new else _next_period(directory, tenant, now)
    known, since, _ = directory.calendar_of(tenant, start)
    if known == calendar:
        return Decision(since, None)
    check_tenant_id(tenant)
    if not is_new:
        refuse_the_past(f"the calendar of tenant {tenant!r}", now, start)
    timeline = directory.timeline(tenant)
    changed = timeline._replace(calendars=timeline.calendars.plus(start, calendar))
    refuse_uneven(f"tenant {tenant!r}", changed, start, soonest(now))
    return Decision(start, Record("calendar", tenant, calendar.model_dump_json(), start, now))


def _next_period(directory: Directory, tenant: str, now: Instant) -> Instant:
    period = directory.period_at(tenant, soonest(now))
    return period.start if period.start == soonest(now) else period.end


def define_plan(
    directory: Directory, plan: Plan, now: Instant, effective: Instant | None = None
) -> Decision[Instant]:
    """Put a version of a plan in force. Only a plan's first version may reach back."""
    known = directory.plan(plan.id, effective or soonest(now))
    start = _start(now, effective, is_new=known is None)
    if known == plan:
        return Decision(start, None)
    if directory.knows_plan(plan.id):
        refuse_the_past(f"plan {plan.id!r}", now, start)
        _refuse_uneven_version(directory, plan, start, now)
    return Decision(start, Record("plan", plan.id, plan.model_dump_json(), start, now))


def _refuse_uneven_version(directory: Directory, plan: Plan, start: Instant, now: Instant) -> None:
    plans = directory.plans_with(plan, start)
    timelines = ((tenant, directory.timeline(tenant)) for tenant in directory.tenants())
    on_it = [one for one in timelines if one[1].is_ever_on(plan.id, start)]
    for tenant, timeline in on_it:
        who = f"plan {plan.id!r} of tenant {tenant!r}"
        refuse_uneven(who, timeline._replace(plans=plans), start, soonest(now))
    if not on_it or plan.id == DEFAULT_PLAN.id:
        # Tenants to come: they are on the default plan before an operator assigns another.
        to_come = directory.timeline_of_new_tenant(plan.id)._replace(plans=plans)
        refuse_uneven(f"plan {plan.id!r}", to_come, start, soonest(now))


def define_deployment(
    directory: Directory,
    deployment: Deployment,
    now: Instant,
    effective: Instant | None = None,
    *,
    move: bool = False,
) -> Decision[Instant]:
    """Define a deployment. It may reach back if its name was unknown in every account.

    A deployment of one model is given to another only if told to.
    """
    name, account = deployment.name, deployment.account
    is_known = directory.knows_deployment(name, account)
    start = _start(now, effective, is_new=not is_known)
    found, _, _ = directory.deployment(name, account, start)
    if found == deployment:
        return Decision(start, None)
    if is_known:
        refuse_the_past(f"deployment {deployment.key!r}", now, start)
        refuse_mixed_currencies(directory.versions(deployment.place), deployment, start)
    here, _, _ = directory.versions(deployment.place).at(start)
    if here is not None and here.model != deployment.model and not move:
        raise belongs(
            f"deployment {deployment.key!r}", f"model {here.model!r}", f"to {deployment.model!r}"
        )
    value = deployment.model_dump_json(exclude_none=True)
    return Decision(start, Record("deployment", deployment.key, value, start, now))


def set_member(
    directory: Directory, member: str, tenant: str | None, now: Instant, *, move: bool = False
) -> Decision[Instant]:
    """Let a person or an app read `tenant` from now on; None takes the right away.

    A member of another tenant is moved only if told to.
    """
    check_member(member)
    known = directory.members.tenant_of(member, now)
    if known == tenant:
        return Decision(now, None)
    if tenant is not None:
        check_exists(directory, tenant)
        if known is not None and not move:
            raise belongs(f"member {member!r}", f"tenant {known!r}", f"to {tenant!r}")
    return Decision(now, Record("member", member, tenant or NOBODY, now, now))


def publish_prices(
    directory: Directory, version: str, content: bytes, now: Instant
) -> Decision[Instant]:
    """Announce a price version whose content is stored already."""
    digest = hashlib.sha256(content).hexdigest()
    for record in directory.price_versions:
        if (record.key, record.value) == (version, digest):
            return Decision(record.effective, None)
    return Decision(now, Record("prices", version, digest, now, now))


def check_exists(directory: Directory, tenant: str) -> None:
    """Raise ConfigurationError for an unknown tenant."""
    if directory.since(tenant) is None:
        raise unknown("tenant", tenant, directory.tenants(), "tenants list")


def _start(now: Instant, effective: Instant | None, *, is_new: bool) -> Instant:
    if effective is not None:
        return effective
    return BEGINNING if is_new else soonest(now)
