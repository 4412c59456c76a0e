"""The admission document: one verdict for a subscription, and those of models that differ."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.basics.instants import SECOND, Instant, format_instant
from metering.core.calendars.dated import FOREVER
from metering.core.calendars.periods import Period
from metering.core.ledger.counts import Counts
from metering.core.plans.named_models import steps
from metering.core.plans.plan import Plan
from metering.core.plans.quota import Downgrade
from metering.core.plans.scope import UNKNOWN, Attributes
from metering.core.quotas.decision import (
    QuotaState,
    Reason,
    Verdict,
    decide_quota,
    decides,
    quota_states,
)
from metering.core.quotas.deployed import closed, led, serves, to_deployment
from metering.core.quotas.facts import Facts, UnknownDeployments
from metering.core.quotas.ladder import Ladder
from metering.core.quotas.scoped import Scoped, scoped_verdicts, unknown_of
from metering.core.quotas.timed import TimedRule, next_change, timed_rules
from metering.core.quotas.verdict import ModelVerdict, refused, told
from metering.core.tenancy.record import Assignment

#: How long the gateway may cache a verdict, in seconds, by the used share of the nearest limit.
#: Near the limit a cached answer could let too much through.
_CACHE_S: Final = ((95, 1), (80, 5), (0, 30))
_LONGEST_S: Final = 30


class Admitted(NamedTuple):
    """The document for one subscription."""

    subscription: str
    tenant: str
    at: Instant
    overall: ModelVerdict
    """The verdict for models that are not named."""
    models: dict[str, ModelVerdict]
    cache_s: int
    shadowed: tuple[str, ...]
    scoped: Scoped = Scoped()
    """The verdicts for requests with further attributes."""
    serves: Mapping[str, str] = MappingProxyType({})
    """The model of each deployment of a model that a scoped verdict names."""
    closed: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """By target of a scoped downgrade, the models and deployments that cannot go there."""
    requests_per_minute: int | None = None
    """The rate at which the gateway takes requests of the tenant; None: no limit."""
    counting: tuple[str, ...] = ()
    """The quotas whose earlier usage is still being counted: they are enforced on what is known."""

    def of(self, model: str | None) -> ModelVerdict:
        """Return the verdict for a model."""
        return self.overall if model is None else self.models.get(model, self.overall)

    def document(self, model: str | None = None) -> dict[str, object]:
        """Return the document as JSON values; with `model`, that model's verdict on top."""
        return {
            "subscription": self.subscription,
            "tenant": self.tenant,
            "at": format_instant(self.at),
            **self.of(model).document(self.at),
            "cache_s": self.cache_s,
            "models": {name: one.document(self.at) for name, one in sorted(self.models.items())},
            "rules": [one.document(self.at) for one in self.scoped.rules],
            "serves": dict(sorted(self.serves.items())),
            "closed": {to: list(names) for to, names in sorted(self.closed.items())},
            "ask": list(self.scoped.ask),
            "requests_per_minute": self.requests_per_minute,
            "shadow": list(self.shadowed),
            "counting": list(self.counting),
        }


def admit(
    subscription: str,
    assignment: Assignment,
    counts: Counts,
    *,
    now: Instant,
    period: Period,
    facts: Facts,
    about: Attributes = UNKNOWN,
) -> Admitted:
    """Return the verdicts for a subscription under its plan and the counts of its ledger.

    `period` is the ledger's, and contains `now`.

    `about`: known attributes of the requests. Quotas on others become scoped verdicts.
    """
    plan, known = assignment.plan, facts.known_models
    deployments = {**facts.learnt, **facts.deployments}
    about = about._replace(subscription=subscription, model=None)
    every = quota_states(counts, now, period, about, facts.accrued)
    states = [one for one in every if not unknown_of(one.quota.scope, about)]
    scoped = scoped_verdicts(counts.limits.quotas, every, about, facts.ladder.providers)
    rules = timed_rules(plan, counts, now)
    overall = _over(rules, _of_unknown(plan, states, about, facts), None)
    overall = _paid(overall, is_paid=not facts.unpaid.everything)
    models = {
        name: _paid(
            _over(rules, _verdict(plan, states, about._replace(model=name), known), name),
            is_paid=not facts.unpaid.of(name),
        )
        for name in _named(plan, facts, states, rules, overall.to)
    }
    dearer = frozenset(step.action.downgrade for step in steps(plan) if step.action.dearer)
    models = {
        name: _possible(one, models, overall, (facts.ladder, dearer), name)
        for name, one in models.items()
    }
    # The model of a deployment decides, not the deployment's name.
    models |= {name: models[model] for name, model in deployments.items() if model in models}
    overall = _possible(overall, models, overall, (facts.ladder, dearer))
    return Admitted(
        subscription,
        assignment.tenant,
        now,
        to_deployment(overall, facts),
        {name: to_deployment(one, facts) for name, one in models.items() if one != overall},
        _cache_s(every, next_change(plan, rules, now), now),
        decide_quota(states, about).shadowed,
        Scoped(tuple(led(one, facts) for one in scoped.rules), scoped.ask),
        serves(scoped.rules, deployments),
        closed(scoped.rules, facts, dearer),
        plan.requests_per_minute,
        tuple(one.label for one in counts.limits.quotas if counts.is_counting(one)),
    )


def _over(rules: Iterable[TimedRule], one: ModelVerdict, model: str | None) -> ModelVerdict:
    """Return the strictest of a verdict and the rules that hold for some time."""
    for rule in rules:
        if rule.covers(model):
            one = rule.over(one)
    return one


def _paid(one: ModelVerdict, *, is_paid: bool) -> ModelVerdict:
    # A model without a price cannot be paid for either: with no credit at all, one verdict is left.
    if is_paid or (one.verdict is Verdict.BLOCK and one.reason is not Reason.MODEL_WITHOUT_PRICE):
        return one
    return refused(Reason.CREDIT_USED_UP, "the tenant's credit is used up")


def _possible(
    one: ModelVerdict,
    models: Mapping[str, ModelVerdict],
    overall: ModelVerdict,
    allowed: tuple[Ladder, frozenset[str]],
    model: str | None = None,
) -> ModelVerdict:
    """Return a verdict; a downgrade that leads nowhere becomes a block.

    It leads nowhere if the other model is blocked or downgraded too, or cannot take the place of
    this one. `allowed`: what is known of models, and those that may be dearer.
    """
    to = one.to
    if to is None:
        return one
    ladder, dearer = allowed
    is_open = models.get(to, overall).verdict is Verdict.ALLOW
    may_be_dearer = to in dearer
    if is_open and (
        model is None or ladder.refusal(model, to, may_be_dearer=may_be_dearer) is None
    ):
        return one._replace(to_provider=ladder.providers.get(to))
    return one._replace(verdict=Verdict.BLOCK, to=None)


def _named(
    plan: Plan,
    facts: Facts,
    states: Iterable[QuotaState],
    rules: Iterable[TimedRule],
    to: str | None,
) -> set[str]:
    """Return the models whose verdict may differ from the overall one, a downgrade to `to`."""
    if facts.unpaid.everything:
        return set()
    named = {*(plan.allowed_models or ()), *facts.unpaid.models}
    named |= {*facts.deployments.values(), *facts.learnt.values()}
    if plan.unpriced == "block":
        named |= facts.known_models
    if facts.unknown is UnknownDeployments.ALLOW and plan.allowed_models is not None:
        # What is not known is allowed: what is known, and not allowed, must be named.
        named |= facts.known_models
    named |= {state.named["model"] for state in states if "model" in state.named}
    named |= {rule.model for rule in rules if rule.model is not None}
    named |= {step.action.downgrade for step in steps(plan)}
    if to is not None:
        # Of these the downgrade is a block; those that may be dearer too are told apart later.
        named |= {one for one in facts.ladder.models if facts.ladder.refusal(one, to) is not None}
    return named


_SETTING: Final = "(METERING_UNKNOWN_DEPLOYMENTS)"


def _of_unknown(
    plan: Plan, states: list[QuotaState], about: Attributes, facts: Facts
) -> ModelVerdict:
    """Return the verdict for deployments whose model is not known."""
    by_quota = any(quota.scope.model and decides(quota) for quota in plan.quotas)
    depends = plan.allowed_models is not None or plan.unpriced == "block"
    if facts.unknown is UnknownDeployments.BLOCK and (depends or by_quota):
        return refused(
            Reason.DEPLOYMENT_UNKNOWN,
            f"the model of this deployment is not known, and limits depend on it {_SETTING}",
        )
    if facts.unknown is UnknownDeployments.ALLOW and depends:
        covering = [one for one in states if one.covers(about)]
        return told(decide_quota(states, about), covering)
    found = _verdict(plan, states, about, facts.known_models)
    return found._replace(detail=f"{found.detail} {_SETTING}") if depends else found


def _verdict(
    plan: Plan, states: list[QuotaState], asked: Attributes, known: frozenset[str]
) -> ModelVerdict:
    model = asked.model
    if plan.allowed_models is not None and (model is None or not plan.allows(model)):
        return refused(Reason.MODEL_NOT_ALLOWED, "the plan does not allow this model")
    if plan.unpriced == "block" and model not in known:
        return refused(Reason.MODEL_WITHOUT_PRICE, "the plan blocks models without a price")
    decision = decide_quota([one for one in states if _goes_down(one, model)], asked)
    return told(decision, [one for one in states if one.covers(asked)])


def _goes_down(state: QuotaState, model: str | None) -> bool:
    """Return whether a quota's action applies to this model, which is not its own downgrade."""
    action = state.quota.action
    return not (isinstance(action, Downgrade) and action.downgrade == model)


def _cache_s(states: Iterable[QuotaState], change: Instant | None, now: Instant) -> int:
    """Return how long verdicts may be cached: until a window, an increase or `change` at most."""
    enforced = [one for one in states if one.quota.mode == "enforced"]
    share = max((one.percent for one in enforced if one.is_held or not one.is_reached), default=0)
    longest = next(seconds for least, seconds in _CACHE_S if share >= least)
    turns = [min(one.window.end, one.increased_until or FOREVER) for one in enforced]
    turn = min([*turns, now + _LONGEST_S * SECOND if change is None else change])
    return max(1, min(longest, (turn - now) // SECOND))
