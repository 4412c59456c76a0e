"""Quota decisions: the verdict on a request, from the counts of a ledger and the time."""

from collections import Counter as Tally
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from metering.core.allocation.accrued import NOTHING_ACCRUED, Accrued
from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import Amount
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window
from metering.core.ledger.counts import Counts
from metering.core.ledger.limits import Counter, CounterKey
from metering.core.ledger.past import usual_delay
from metering.core.ledger.thresholds import percent, used_from
from metering.core.plans.increases import limit_in_force
from metering.core.plans.quota import Downgrade, Quota
from metering.core.plans.scope import UNKNOWN, Attributes, Values


class Verdict(StrEnum):
    """The gateway's action on a request, from weakest to strictest."""

    ALLOW = "allow"
    DOWNGRADE = "downgrade"
    BLOCK = "block"


class Reason(StrEnum):
    """The reason of a verdict. Stable: the gateway derives the HTTP status from it."""

    WITHIN_LIMITS = "within_limits"
    QUOTA_REACHED = "quota_reached"
    HELD = "held"
    """Only with the open streams is a limit reached: their counts decide."""
    MODEL_NOT_ALLOWED = "model_not_allowed"
    MODEL_WITHOUT_PRICE = "model_without_price"
    DEPLOYMENT_UNKNOWN = "deployment_unknown"
    """Limits depend on the model, and nobody knows which one the deployment serves."""
    CREDIT_USED_UP = "credit_used_up"
    SCHEDULED = "scheduled"
    """The plan switches models at this hour of the week."""
    SPIKE = "spike"
    """An hour of unusual spend, to which the plan reacts for some time."""
    STOPPED = "stopped"
    """An operator stopped the tenant or the subscription."""


class QuotaState(NamedTuple):
    """The state of one counter of a quota at an instant."""

    quota: Quota
    window: Window
    used: int
    """The usage including open holds, in the metric's unit."""
    limit: int
    """The limit in force, in the metric's unit."""
    values: Values = ()
    """Of the attributes by which the quota is split."""
    held: int = 0
    """The part of the usage that open streams are expected to use."""
    counts_due: Instant = FOREVER
    """The instant by which the counts of open streams have usually arrived."""
    increased_until: Instant | None = None
    """When a temporary increase of the limit ends."""
    since: Instant = 0
    """Before it, the tenant's ledgers have no usage of the window."""
    accrued: Amount = 0
    """The part of the usage that is provisional: the share of deployments paid by the hour."""
    accrued_at: Instant | None = None
    """The instant up to which it has accrued; None if it is not included, or not known."""
    is_counting: bool = False
    """Usage from before the quota was set is still being counted: `used` is what is known."""

    @property
    def span(self) -> Window:
        """The part of the window that usage can be in: rates and forecasts go by it."""
        return Window(max(self.window.start, self.since), self.window.end)

    @property
    def is_counter(self) -> bool:
        """Return whether it counts: a split quota counts by value only."""
        return bool(self.values) or not self.quota.scope.split_by

    def covers(self, of: Attributes) -> bool:
        """Return whether the counter counts requests with these attributes."""
        return self.quota.scope.values_in(of) == self.values

    @property
    def named(self) -> dict[str, str]:
        """The values of the attributes that the requests it counts have."""
        return self.quota.scope.of_one(self.values)

    @property
    def label(self) -> str:
        """The label for people: `amount a day of end user ada`."""
        return self.quota.label_of(self.values)

    @property
    def remaining(self) -> int:
        """The remainder; never negative."""
        return max(0, self.limit - self.used)

    @property
    def percent(self) -> int:
        """The used share of the limit in per cent, rounded down."""
        return percent(self.limit, self.used)

    @property
    def is_reached(self) -> bool:
        """Return whether the action applies: from the limit on, not only beyond it."""
        return self.used >= self.limit

    @property
    def is_used_up(self) -> bool:
        """Return whether the limit is reached without the streams that are open."""
        return self.used - self.held >= self.limit

    @property
    def is_held(self) -> bool:
        """Return whether the limit is reached only with the streams that are open."""
        return self.is_reached and not self.is_used_up

    @property
    def resets_at(self) -> Instant:
        """When a request refused now may be admitted: the end of the window, or sooner if held."""
        return min(self.counts_due, self.window.end) if self.is_held else self.window.end

    def show(self, value: int) -> str:
        """Return a value in the metric's unit as a decimal string."""
        return self.quota.show(value)


class Decision(NamedTuple):
    """The verdict on a request, with the deciding quota."""

    verdict: Verdict
    reason: Reason
    detail: str
    to: str | None = None
    """The model that takes a downgraded request."""
    decided_by: QuotaState | None = None
    shadowed: tuple[str, ...] = ()
    """The verdicts of quotas in shadow mode."""


def quota_states(
    counts: Counts,
    at: Instant,
    period: Period,
    about: Attributes = UNKNOWN,
    accrued: Accrued = NOTHING_ACCRUED,
) -> list[QuotaState]:
    """Return every counter of every quota with the usage of its window at an instant.

    `accrued`: the tenant's, for the quotas that include it.

    A quota that is split has one for each value counted, and one for the values of `about`.
    """
    found: list[QuotaState] = []
    counts_due = at + usual_delay(counts.past)
    values_of: dict[tuple[str, Instant], list[Values]] = {}
    for key in counts.used:
        values_of.setdefault((key.quota, key.start), []).append(key.values)
    holds = Tally[CounterKey]()
    for of_slot in counts.held.values():
        holds.update(of_slot)
    for quota in counts.limits.quotas:
        window = counts.limits.window(quota, at, period)
        since = used_from(counts, window.start, period.start)
        is_counting = counts.is_counting(quota)
        each: Iterable[Values] = [()]
        if quota.scope.split_by:
            # Whoever may use nothing has no counter, and is at its limit all the same.
            none = [(value,) for value in quota.forbidden]
            each = dict.fromkeys([*none, *values_of.get((quota.key, window.start), ())])
            asked = quota.scope.values_in(about)
            each = each if asked is None else {**each, asked: None}
        for values in each:
            key = CounterKey(quota.key, window.start, values)
            # The hold of a page that is still to be counted may be taken back already.
            held = max(0, holds[key])
            used = counts.used.get(key, Counter(window.end)).used + held
            limit, until = limit_in_force(quota, values, counts.limits.increases, at)
            state = QuotaState(quota, window, used, limit, values, held, counts_due, until, since)
            state = state._replace(is_counting=is_counting)
            found.append(_with_accrued(state, accrued))
    return found


def _with_accrued(state: QuotaState, accrued: Accrued) -> QuotaState:
    if not state.quota.include_provisioned:
        return state
    part = accrued.within(state.window)
    return state._replace(used=state.used + part, accrued=part, accrued_at=accrued.at)


def decides(quota: Quota) -> bool:
    """Return whether a quota stops or redirects requests at its limit."""
    return quota.mode == "enforced" and quota.action != "notify"


def decide_quota(states: Iterable[QuotaState], asked: Attributes) -> Decision:
    """Return the verdict on a request: every quota that covers it must pass.

    The strictest one that does not decides; of equally strict ones, one that is used up before one
    that is held, then the one that resets last. A quota on an attribute that is unknown (the end
    user, say) does not cover the request.
    """
    decided, shadowed = Decision(Verdict.ALLOW, Reason.WITHIN_LIMITS, ""), []
    for state in states:
        if not state.is_reached or not state.covers(asked) or state.quota.action == "notify":
            continue
        found = applied(state)
        if state.quota.mode == "shadow":
            shadowed.append(f"{found.verdict}: {found.detail}")
        elif _strictness(found) > _strictness(decided):
            decided = found
    return decided._replace(shadowed=tuple(shadowed))


def applied(state: QuotaState) -> Decision:
    """Return the verdict of one quota that has reached its limit, which says so in `detail`."""
    quota = state.quota
    detail = f"{state.label}: {state.show(state.used)} of {state.show(state.limit)} used"
    if state.is_held:
        detail += f", {state.show(state.held)} of it by streams without counts yet"
    if state.is_counting:
        detail += " so far, earlier usage is still being counted"
    if state.accrued_at is not None:
        detail += f", {state.show(state.accrued)} of it provisioned, accrued until"
        detail += f" {format_instant(state.accrued_at)}"
    reason = Reason.HELD if state.is_held else Reason.QUOTA_REACHED
    if isinstance(quota.action, Downgrade):
        return Decision(Verdict.DOWNGRADE, reason, detail, quota.action.downgrade, state)
    return Decision(Verdict.BLOCK, reason, detail, None, state)


def _strictness(decision: Decision) -> tuple[int, bool, Instant]:
    by = decision.decided_by
    if by is None:
        return list(Verdict).index(decision.verdict), False, 0
    return list(Verdict).index(decision.verdict), not by.is_held, by.window.end
