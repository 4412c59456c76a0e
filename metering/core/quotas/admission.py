"""What the gateway is told: one verdict for a subscription, and those of models that differ."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.basics.instants import SECOND, Instant, format_instant
from metering.core.calendars.periods import Period
from metering.core.ledger.counts import Counts
from metering.core.plans.plan import Plan
from metering.core.plans.quota import Downgrade
from metering.core.quotas.decision import (
    Asked,
    Decision,
    QuotaState,
    Reason,
    Verdict,
    decide_quota,
    quota_states,
)
from metering.core.tenancy.record import Assignment

#: How long the gateway may go by a verdict, in seconds, by how much of the nearest limit is used.
#: The closer it is the more one answer may let through.
_CACHE_S: Final = ((95, 1), (80, 5), (0, 30))
_LONGEST_S: Final = 30
NOTHING: Final = Asked()


class Unpaid(NamedTuple):
    """What a prepaid tenant has nothing left to pay for."""

    everything: bool = False
    models: frozenset[str] = frozenset()
    """Models of a billing channel that no grant with anything left may pay for."""

    def of(self, model: str) -> bool:
        """Say whether a model is among it."""
        return self.everything or model in self.models


ALL_PAID: Final = Unpaid()


class ModelVerdict(NamedTuple):
    """The verdict for requests to one model."""

    verdict: Verdict
    reason: Reason
    detail: str
    to: str | None
    remaining: str | None
    """What is left of the quota that decided, or of the nearest one; None without a quota."""
    resets_at: Instant | None


class Admitted(NamedTuple):
    """The document for one subscription."""

    subscription: str
    tenant: str
    at: Instant
    overall: ModelVerdict
    """For every model that is not named."""
    models: dict[str, ModelVerdict]
    cache_s: int
    shadowed: tuple[str, ...]

    def of(self, model: str | None) -> ModelVerdict:
        """Return the verdict for a model."""
        return self.overall if model is None else self.models.get(model, self.overall)

    def document(self, model: str | None = None) -> dict[str, object]:
        """Return what the gateway is told, as JSON values; with `model` its verdict on top."""
        return {
            "subscription": self.subscription,
            "tenant": self.tenant,
            "at": format_instant(self.at),
            **self._verdict(self.of(model)),
            "cache_s": self.cache_s,
            "models": {name: self._verdict(one) for name, one in sorted(self.models.items())},
            "shadow": list(self.shadowed),
        }

    def _verdict(self, one: ModelVerdict) -> dict[str, object]:
        resets = one.resets_at
        wait = None if resets is None else max(1, -(-(resets - self.at) // SECOND))
        return {
            "verdict": one.verdict,
            "reason": one.reason,
            "detail": one.detail,
            "to": one.to,
            "remaining": one.remaining,
            "resets_at": None if resets is None else format_instant(resets),
            "retry_after_s": wait if one.verdict is Verdict.BLOCK else None,
        }


class Facts(NamedTuple):
    """What else decides than plan and counts."""

    known_models: frozenset[str] = frozenset()
    """Those with a price; they matter where the plan does not admit others."""
    deployments: Mapping[str, str] = MappingProxyType({})
    """The model behind each: clients ask for deployments, plans name models."""
    providers: Mapping[str, str] = MappingProxyType({})
    """Whose each model is: a request goes down only to one of the same provider."""
    unpaid: Unpaid = ALL_PAID


def admit(
    subscription: str,
    assignment: Assignment,
    counts: Counts,
    *,
    now: Instant,
    period: Period,
    facts: Facts,
    about: Asked = NOTHING,
) -> Admitted:
    """Return the verdicts for a subscription under its plan and the counts of its ledger.

    `period` is the ledger's, and holds `now`.

    `about` says what else is known of the requests, for quotas by product, use case or end user.
    """
    plan, deployments, known = assignment.plan, facts.deployments, facts.known_models
    states = quota_states(counts, now, period)
    overall = _verdict(plan, states, about._replace(model=None), known)
    overall = _paid(overall, is_paid=not facts.unpaid.everything)
    models = {
        name: _paid(
            _verdict(plan, states, about._replace(model=name), known),
            is_paid=not facts.unpaid.of(name),
        )
        for name in _named(plan, facts, overall.to)
    }
    models = {
        name: _possible(one, models, overall, facts.providers, name) for name, one in models.items()
    }
    # What is behind a deployment counts, whatever its own name says.
    models |= {name: models[model] for name, model in deployments.items()}
    overall = _possible(overall, models, overall, facts.providers)
    return Admitted(
        subscription,
        assignment.tenant,
        now,
        _to_deployment(overall, deployments),
        {name: _to_deployment(one, deployments) for name, one in models.items() if one != overall},
        _cache_s(states, now),
        decide_quota(states, about).shadowed,
    )


def _paid(one: ModelVerdict, *, is_paid: bool) -> ModelVerdict:
    if is_paid or one.verdict is Verdict.BLOCK:
        return one
    return _refused(Reason.CREDIT_USED_UP, "nothing is left of the tenant's grants")


def _possible(
    one: ModelVerdict,
    models: Mapping[str, ModelVerdict],
    overall: ModelVerdict,
    providers: Mapping[str, str],
    model: str | None = None,
) -> ModelVerdict:
    """Return a verdict, blocking where the model to go down to may not or cannot be used either."""
    if one.to is None:
        return one
    is_open = models.get(one.to, overall).verdict is Verdict.ALLOW
    if is_open and not is_of_another_provider(model, one.to, providers):
        return one
    return one._replace(verdict=Verdict.BLOCK, to=None)


def is_of_another_provider(model: str | None, to: str, providers: Mapping[str, str]) -> bool:
    """Say whether two models are known to be of two providers, whose requests differ."""
    ours, theirs = providers.get(model or ""), providers.get(to)
    return ours is not None and theirs is not None and ours != theirs


def _to_deployment(one: ModelVerdict, deployments: Mapping[str, str]) -> ModelVerdict:
    """Return a verdict whose downgrade leads to a deployment, where one of the model is known."""
    if one.to is None or one.to in deployments:
        return one
    names = sorted(name for name, model in deployments.items() if model == one.to)
    return one._replace(to=names[0]) if names else one


def _named(plan: Plan, facts: Facts, to: str | None) -> set[str]:
    """Return the models of which a verdict may differ from the one of all, which goes down `to`."""
    named = {*(plan.allowed_models or ()), *facts.deployments.values(), *facts.unpaid.models}
    if plan.unpriced == "block":
        named |= facts.known_models
    for quota in plan.quotas:
        if quota.scope.model is not None:
            named.add(quota.scope.model)
        if isinstance(quota.action, Downgrade):
            named.add(quota.action.downgrade)
    if to is not None:
        named |= {
            one for one in facts.providers if is_of_another_provider(one, to, facts.providers)
        }
    return named


def _verdict(
    plan: Plan, states: list[QuotaState], asked: Asked, known: frozenset[str]
) -> ModelVerdict:
    model = asked.model
    if plan.allowed_models is not None and (model is None or not plan.allows(model)):
        return _refused(Reason.MODEL_NOT_ALLOWED, "the plan does not name it")
    if plan.unpriced == "block" and model not in known:
        return _refused(Reason.MODEL_WITHOUT_PRICE, "the plan admits what has a price")
    decision = decide_quota([one for one in states if _goes_down(one, model)], asked)
    return _told(decision, [one for one in states if one.quota.covers(*asked)])


def _refused(reason: Reason, detail: str) -> ModelVerdict:
    return ModelVerdict(Verdict.BLOCK, reason, detail, None, None, None)


def _goes_down(state: QuotaState, model: str | None) -> bool:
    """Say whether a quota's action is one for this model: none goes down to itself."""
    action = state.quota.action
    return not (isinstance(action, Downgrade) and action.downgrade == model)


def _told(decision: Decision, states: list[QuotaState]) -> ModelVerdict:
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
        None if by is None else by.window.end,
    )


def _cache_s(states: Iterable[QuotaState], now: Instant) -> int:
    """Return how long the verdicts may be kept: until the next window turns at most."""
    enforced = [one for one in states if one.quota.mode == "enforced"]
    share = max((one.percent for one in enforced if not one.is_reached), default=0)
    longest = next(seconds for least, seconds in _CACHE_S if share >= least)
    turn = min((one.window.end for one in enforced), default=now + _LONGEST_S * SECOND)
    return max(1, min(longest, (turn - now) // SECOND))
