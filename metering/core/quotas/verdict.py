"""Verdicts as the gateway gets them: of the subscription, of a model, of some of its requests."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from metering.core.basics.instants import SECOND, Instant, format_instant
from metering.core.quotas.decision import Decision, QuotaState, Reason, Verdict


class ModelVerdict(NamedTuple):
    """The verdict for requests to one model."""

    verdict: Verdict
    reason: Reason
    detail: str
    to: str | None
    remaining: str | None
    """The remainder of the deciding quota, or of the nearest one; None without quotas."""
    resets_at: Instant | None
    limit: str | None = None
    """Of that quota, the limit in force."""
    metric: str | None = None
    to_provider: str | None = None
    """The provider of the model that a downgrade leads to, if it is known."""

    def document(self, at: Instant) -> dict[str, object]:
        """Return the verdict as JSON values, as of an instant."""
        resets = self.resets_at
        wait = None if resets is None else max(1, -(-(resets - at) // SECOND))
        return {
            "verdict": self.verdict,
            "reason": self.reason,
            "detail": self.detail,
            "to": self.to,
            "to_provider": self.to_provider,
            "metric": self.metric,
            "limit": self.limit,
            "remaining": self.remaining,
            "resets_at": None if resets is None else format_instant(resets),
            "retry_after_s": wait if self.verdict is Verdict.BLOCK else None,
        }


class ScopedVerdict(NamedTuple):
    """The verdict for those requests of a subscription that have all of these values."""

    when: Mapping[str, str]
    """Values by attribute; of the model, its canonical name."""
    verdict: ModelVerdict

    def document(self, at: Instant) -> dict[str, object]:
        """Return the verdict as JSON values, as of an instant."""
        return {"when": dict(self.when), **self.verdict.document(at)}


def refused(reason: Reason, detail: str) -> ModelVerdict:
    """Return a block that no quota decided."""
    return ModelVerdict(Verdict.BLOCK, reason, detail, None, None, None)


def told(decision: Decision, states: Iterable[QuotaState]) -> ModelVerdict:
    """Return a decision with the deciding quota's rest and reset, or those of the nearest one."""
    by = decision.decided_by
    if by is None:
        enforced = [one for one in states if one.quota.mode == "enforced"]
        by = max(enforced, key=lambda one: one.percent, default=None)
    return ModelVerdict(
        decision.verdict,
        decision.reason,
        decision.detail,
        decision.to,
        None if by is None else by.show(by.remaining),
        None if by is None else by.resets_at,
        None if by is None else by.show(by.limit),
        None if by is None else by.quota.metric,
    )
