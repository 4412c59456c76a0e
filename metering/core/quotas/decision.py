"""Quota decisions: the verdict on a request, from the counts of a ledger and the time."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import format_amount
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window, window_of
from metering.core.ledger.counts import Counter, Counts, percent
from metering.core.ledger.past import usual_delay
from metering.core.plans.quota import Downgrade, Quota


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
    CREDIT_USED_UP = "credit_used_up"


class Asked(NamedTuple):
    """The properties of a request that are known in advance."""

    model: str | None = None
    product: str | None = None
    use_case: str | None = None
    end_user: str | None = None


class QuotaState(NamedTuple):
    """The state of one quota at an instant."""

    quota: Quota
    window: Window
    used: int
    """The usage including open holds, in the metric's unit."""
    held: int = 0
    """The part of it that open streams are expected to use."""
    counts_due: Instant = FOREVER
    """The instant by which the counts of open streams have usually arrived."""

    @property
    def remaining(self) -> int:
        """The remainder; never negative."""
        return max(0, self.quota.limit_units - self.used)

    @property
    def percent(self) -> int:
        """The used share of the limit in per cent, rounded down."""
        return percent(self.quota, self.used)

    @property
    def is_reached(self) -> bool:
        """Return whether the action applies: from the limit on, not only beyond it."""
        return self.used >= self.quota.limit_units

    @property
    def is_used_up(self) -> bool:
        """Return whether the limit is reached without the streams that are open."""
        return self.used - self.held >= self.quota.limit_units

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
        return format_amount(value) if self.quota.metric == "amount" else str(value)


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


def quota_states(counts: Counts, at: Instant, period: Period) -> list[QuotaState]:
    """Return every quota with the usage of its window at an instant."""
    found, counts_due = [], at + usual_delay(counts.past)
    for quota in counts.limits.quotas:
        window = window_of(quota.window, at, counts.limits.zone, period)
        key = quota.key, window.start
        held = counts.held_by(key)
        used = counts.used.get(key, Counter(window.end)).used + held
        found.append(QuotaState(quota, window, used, held, counts_due))
    return found


def decide_quota(states: Iterable[QuotaState], asked: Asked) -> Decision:
    """Return the verdict on a request: the strictest quota that covers it decides.

    Of equally strict ones, one that is used up decides before one that is held, then the one that
    resets last. A quota on a property that is unknown
    (the end user, say) does not cover the request.
    """
    decided, shadowed = Decision(Verdict.ALLOW, Reason.WITHIN_LIMITS, ""), []
    for state in states:
        quota = state.quota
        if not state.is_reached or not quota.covers(*asked) or quota.action == "notify":
            continue
        found = _applied(state)
        if quota.mode == "shadow":
            shadowed.append(f"{found.verdict}: {found.detail}")
        elif _strictness(found) > _strictness(decided):
            decided = found
    return decided._replace(shadowed=tuple(shadowed))


def _applied(state: QuotaState) -> Decision:
    quota = state.quota
    detail = f"{quota.label}: {state.show(state.used)} of {state.show(quota.limit_units)} used"
    if state.is_held:
        detail += f", {state.show(state.held)} of it by streams without counts yet"
    reason = Reason.HELD if state.is_held else Reason.QUOTA_REACHED
    if isinstance(quota.action, Downgrade):
        return Decision(Verdict.DOWNGRADE, reason, detail, quota.action.downgrade, state)
    return Decision(Verdict.BLOCK, reason, detail, None, state)


def _strictness(decision: Decision) -> tuple[int, bool, Instant]:
    by = decision.decided_by
    if by is None:
        return list(Verdict).index(decision.verdict), False, 0
    return list(Verdict).index(decision.verdict), not by.is_held, by.window.end
