"""Versions of a plan: when each is in force, and the terms in which it differs from the last."""

from typing import Any, Literal, NamedTuple

from metering.core.basics.instants import Instant
from metering.core.calendars.dated import BEGINNING, Dated
from metering.core.plans.plan import Plan

type State = Literal["in_force", "scheduled", "replaced"]


class TermChange(NamedTuple):
    """A term that a version changes, as plan files have it."""

    term: str
    old: Any
    new: Any


class PlanVersion(NamedTuple):
    """A version of a plan."""

    plan: Plan
    start: Instant | None
    """None: from the beginning."""
    end: Instant | None
    """When the next version replaces it; None if none does."""
    state: State
    changes: tuple[TermChange, ...]
    """Against the version before; empty for the first one."""


def versions_of(dated: Dated[Plan], now: Instant) -> list[PlanVersion]:
    """Return the versions of a plan, the latest start first.

    Of two with the same start, the one recorded earlier was never in force and is left out.
    """
    kept = dict(zip(dated.starts(), dated.values(), strict=True))
    starts = sorted(kept)
    found = list[PlanVersion]()
    for at, start in enumerate(starts):
        end = starts[at + 1] if at + 1 < len(starts) else None
        state: State = "in_force"
        if start > now:
            state = "scheduled"
        elif end is not None and end <= now:
            state = "replaced"
        changes = changed_terms(kept[starts[at - 1]], kept[start]) if at else ()
        begins = None if start == BEGINNING else start
        found.append(PlanVersion(kept[start], begins, end, state, changes))
    return found[::-1]


def changed_terms(old: Plan, new: Plan) -> tuple[TermChange, ...]:
    """Return the terms in which two versions differ, in the order of a plan file."""
    before, after = (plan.model_dump(mode="json") for plan in (old, new))
    return tuple(
        TermChange(term, before[term], after[term]) for term in after if before[term] != after[term]
    )
