"""Quota decisions: the verdict on a request, from the counts of a ledger and the time."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window, window_of
from metering.core.ledger.counts import Counter, Counts, percent
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
    found = []
    for quota in counts.limits.quotas:
        window = window_of(quota.window, at, counts.limits.zone, period)
        key = quota.key, window.start
        used = counts.used.get(key, Counter(window.end)).used + counts.held_by(key)
        found.append(QuotaState(quota, window, used))
    return found


def decide_quota(states: Iterable[QuotaState], asked: Asked) -> Decision:
    """Return the verdict on a request: the strictest quota that covers it decides.

    Of equally strict ones, the one that resets last decides. A quota on a property that is unknown
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
    if isinstance(quota.action, Downgrade):
        to = quota.action.downgrade
        return Decision(Verdict.DOWNGRADE, Reason.QUOTA_REACHED, detail, to, state)
    return Decision(Verdict.BLOCK, Reason.QUOTA_REACHED, detail, None, state)


def _strictness(decision: Decision) -> tuple[int, Instant]:
    by = decision.decided_by
    return list(Verdict).index(decision.verdict), 0 if by is None else by.window.end
