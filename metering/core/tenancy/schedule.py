"""Scheduled decisions: recorded, and not yet in force."""

from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import Dated
from metering.core.plans.plan import Plan
from metering.core.tenancy.directory import Directory


class Scheduled(NamedTuple):
    """One change to come."""

    start: Instant
    what: str
    """In words: `plan pro`, `subscription sub-3 to globex`."""


def scheduled(directory: Directory, tenant: str, now: Instant) -> list[Scheduled]:
    """Return the changes to come of a tenant's plan and subscriptions, the next one first.

    Its calendar is not among them: `calendar_of` has the span of each.
    """
    timeline = directory.timeline(tenant)
    found = [Scheduled(at, f"plan {plan}") for at, plan in _after(timeline.moves, now)]
    plan, _, _ = timeline.plan_at(now)
    found += [
        Scheduled(at, f"new terms of plan {plan.id}")
        for at, _ in _after(timeline.plans[plan.id], now)
    ]
    for subject, payers in directory.payers(tenant):
        before, _, _ = payers.at(now)
        for at, payer in _after(payers, now):
            if payer != before and tenant in {payer, before}:
                what = f"subscription {subject}"
                found.append(Scheduled(at, what if payer == tenant else f"{what} to {payer}"))
            before = payer
    return sorted(found)


def plans_to_come(directory: Directory, tenant: str, now: Instant) -> list[tuple[Instant, Plan]]:
    """Return the plans that a tenant will be on, each with its start, the next one first."""
    timeline = directory.timeline(tenant)
    names = {timeline.plan_at(now)[0].id, *(plan for _, plan in _after(timeline.moves, now))}
    starts = {at for at, _ in _after(timeline.moves, now)}
    starts |= {at for name in names for at, _ in _after(timeline.plans[name], now)}
    found = [(at, timeline.plan_at(at)[0]) for at in sorted(starts)]
    before = [timeline.plan_at(now)[0], *(plan for _, plan in found)]
    return [one for one, last in zip(found, before, strict=False) if one[1] != last]


def scheduled_plans(directory: Directory, now: Instant) -> list[tuple[str, Instant]]:
    """Return the ids of plans and the starts of their versions to come, in this order."""
    versions = directory.plan_versions()
    return [(name, at) for name, dated in versions for at, _ in _after(dated, now)]


def _after[T](dated: Dated[T], now: Instant) -> list[tuple[Instant, T]]:
    pairs = zip(dated.starts(), dated.values(), strict=True)
    return [(at, value) for at, value in pairs if at > now]
