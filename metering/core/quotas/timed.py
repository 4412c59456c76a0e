"""Rules that hold for some time whatever the quotas say: switches, and the action of a spike."""

from typing import NamedTuple

from metering.core.basics.instants import HOUR, MINUTE, Instant, format_instant
from metering.core.ledger.counts import Counts
from metering.core.plans.plan import Plan
from metering.core.plans.quota import Downgrade
from metering.core.plans.switches import next_turn, switches_on
from metering.core.quotas.decision import Reason, Verdict
from metering.core.quotas.verdict import ModelVerdict


class TimedRule(NamedTuple):
    """A rule that holds until an instant."""

    model: str | None
    """None: every model."""
    verdict: Verdict
    to: str | None
    reason: Reason
    detail: str
    until: Instant

    def covers(self, model: str | None) -> bool:
        """Return whether the rule applies to requests for a model, which is not its own stand-in.

        Of an unknown model, only rules for every model are known to apply.
        """
        return self.model in {None, model} and (self.to is None or self.to != model)

    def over(self, verdict: ModelVerdict) -> ModelVerdict:
        """Return the stricter of this rule and a verdict."""
        order = list(Verdict)
        if order.index(self.verdict) <= order.index(verdict.verdict):
            return verdict
        return verdict._replace(
            verdict=self.verdict,
            reason=self.reason,
            detail=self.detail,
            to=self.to,
            resets_at=self.until,
        )


def timed_rules(plan: Plan, counts: Counts, now: Instant) -> list[TimedRule]:
    """Return the rules that hold at an instant."""
    found = [
        TimedRule(
            one.switch.model,
            Verdict.DOWNGRADE,
            one.switch.action.downgrade,
            Reason.SCHEDULED,
            f"the plan switches models until {format_instant(one.until)}",
            one.until,
        )
        for one in switches_on(plan.switches, plan.time_zone, now)
    ]
    return [*found, *_of_a_spike(counts, now)]


def _of_a_spike(counts: Counts, now: Instant) -> list[TimedRule]:
    spike, told = counts.limits.spike, counts.hours.told
    if spike is None or spike.action == "notify" or told < 0:
        return []
    until = told + HOUR + spike.minutes * MINUTE
    if now >= until:
        return []
    action = spike.action
    to = action.downgrade if isinstance(action, Downgrade) else None
    verdict = Verdict.BLOCK if to is None else Verdict.DOWNGRADE
    detail = f"the hour from {format_instant(told)} is unusual: until {format_instant(until)}"
    return [TimedRule(None, verdict, to, Reason.SPIKE, detail, until)]


def next_change(plan: Plan, rules: list[TimedRule], now: Instant) -> Instant | None:
    """Return when rules may change by time alone; None if they do not."""
    turn = next_turn(plan.switches, plan.time_zone, now)
    return min((*(rule.until for rule in rules), *(() if turn is None else (turn,))), default=None)
