"""Changes of plans and calendars: terms of a whole period change only at its start."""

from collections.abc import Collection, Iterator, Mapping
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant, format_instant
from metering.core.calendars.calendars import Calendars
from metering.core.calendars.dated import BEGINNING, FOREVER, Dated
from metering.core.calendars.periods import Period
from metering.core.plans.plan import DEFAULT_PLAN, PERIOD_TERMS, Plan

#: Fields that never change inside a period: amounts of two currencies cannot be added.
_NEVER_INSIDE: Final = ("currency",)


class Timeline(NamedTuple):
    """The dated terms of one tenant: its plans, the plans' versions, its calendars."""

    moves: Dated[str]
    """Plan ids; before the first one, the default plan holds."""
    plans: Mapping[str, Dated[Plan]]
    calendars: Calendars = Calendars()

    def plan_at(self, at: Instant) -> tuple[Plan, Instant, Instant]:
        """Return the plan at an instant, and the span in which it holds."""
        plan_id, start, end = self.moves.at(at)
        versions = self.plans[plan_id or DEFAULT_PLAN.id]
        plan, plan_start, plan_end = versions.at(at)
        # The first version of a plan reaches back, so that every event has terms.
        return plan or versions.values()[0], max(start, plan_start), min(end, plan_end)

    def is_ever_on(self, plan_id: str, since: Instant) -> bool:
        """Return whether the tenant is on a plan at any time from an instant on."""
        moves = zip(self.moves.starts(), self.moves.values(), strict=True)
        now = self.moves.at(since)[0] or DEFAULT_PLAN.id
        return now == plan_id or any(id_ == plan_id and at > since for at, id_ in moves)

    def changes(self, since: Instant) -> list[Instant]:
        """Return the starts of plans, versions and calendars from an instant on."""
        calendars = [start for start in self.calendars.starts if start > BEGINNING]
        return sorted({*self._plan_changes(since), *(at for at in calendars if at >= since)})

    def _plan_changes(self, since: Instant) -> Iterator[Instant]:
        _, _, end = self.plan_at(max(since - 1, BEGINNING))
        while end != FOREVER:
            yield end
            _, _, end = self.plan_at(end)


def refuse_uneven(who: str, timeline: Timeline, since: Instant, fixed: Instant) -> None:
    """Raise ConfigurationError if a period term would change inside a period.

    A ledger is charged under the plan in force at its start. Checks the changes from `since` on; of
    those before `fixed`, only the currency is checked, since they are history.
    """
    for at in timeline.changes(since):
        what = who if at == since else f"{who}, then"
        calendar, _, _ = timeline.calendars.at(at)
        before, _, _ = timeline.calendars.at(at - 1)
        if calendar != before:
            change = f"calendar changes from {before.label} to {calendar.label}"
            _refuse_inside(f"{what}: the {change}", at, before.period_at(at))
        old, new = timeline.plan_at(at - 1)[0], timeline.plan_at(at)[0]
        terms = _NEVER_INSIDE if at < fixed else PERIOD_TERMS
        changed = _changed(terms, old, new)
        if changed is not None:
            _refuse_inside(f"{what}: the {changed}", at, timeline.calendars.period_at(at))


def _refuse_inside(what: str, at: Instant, period: Period) -> None:
    if at != period.start:
        raise ConfigurationError(
            f"{what}: only at the start of a period, not at {format_instant(at)};"
            f" the next is {format_instant(period.end)}"
        )


def _changed(terms: Collection[str], old: Plan, new: Plan) -> str | None:
    name = next((one for one in terms if getattr(old, one) != getattr(new, one)), None)
    if name is None:
        return None
    before, after = getattr(old, name), getattr(new, name)
    if isinstance(before, str):
        return f"{name} changes from {before} to {after}"
    return f"{name} would be another"
