"""The admission document: one verdict for a subscription, and those of models that differ."""

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

#: How long the gateway may cache a verdict, in seconds, by the used share of the nearest limit.
#: Near the limit a cached answer could let too much through.
_CACHE_S: Final = ((95, 1), (80, 5), (0, 30))
_LONGEST_S: Final = 30
NOTHING: Final = Asked()


class Unpaid(NamedTuple):
    """The usage a prepaid tenant has no credit left for."""

    everything: bool = False
    models: frozenset[str] = frozenset()
    """Models of a billing channel without a usable grant."""

    def of(self, model: str) -> bool:
        """Return whether a model is unpaid."""
        return self.everything or model in self.models


ALL_PAID: Final = Unpaid()


class ModelVerdict(NamedTuple):
    """The verdict for requests to one model."""

    verdict: Verdict
    reason: Reason
    detail: str
    to: str | None
    remaining: str | None
    """The remainder of the deciding quota, or of the nearest one; None without quotas."""
    resets_at: Instant | None


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

    def of(self, model: str | None) -> ModelVerdict:
        """Return the verdict for a model."""
        return self.overall if model is None else self.models.get(model, self.overall)

    def document(self, model: str | None = None) -> dict[str, object]:
        """Return the document as JSON values; with `model`, that model's verdict on top."""
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
    """Facts beside plan and counts that verdicts depend on."""

    known_models: frozenset[str] = frozenset()
    """Models with a price; used if the plan blocks models without one."""
    deployments: Mapping[str, str] = MappingProxyType({})
    """The model of each deployment: clients name deployments, plans name models."""
    providers: Mapping[str, str] = MappingProxyType({})
    """The provider of each model: a downgrade stays with one provider."""
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

    `period` is the ledger's, and contains `now`.

    `about`: known properties of the requests, for quotas by product, use case or end user.
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
    # The model of a deployment decides, not the deployment's name.
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
    return _refused(Reason.CREDIT_USED_UP, "the tenant's credit is used up")


def _possible(
    one: ModelVerdict,
    models: Mapping[str, ModelVerdict],
    overall: ModelVerdict,
    providers: Mapping[str, str],
    model: str | None = None,
) -> ModelVerdict:
    """Return a verdict; a downgrade to a model that is blocked too becomes a block."""
    if one.to is None:
        return one
    is_open = models.get(one.to, overall).verdict is Verdict.ALLOW
    if is_open and not is_of_another_provider(model, one.to, providers):
        return one
    return one._replace(verdict=Verdict.BLOCK, to=None)


def is_of_another_provider(model: str | None, to: str, providers: Mapping[str, str]) -> bool:
    """Return whether two models are known to have different providers."""
    ours, theirs = providers.get(model or ""), providers.get(to)
    return ours is not None and theirs is not None and ours != theirs


def _to_deployment(one: ModelVerdict, deployments: Mapping[str, str]) -> ModelVerdict:
    """Return a verdict with a downgrade to a deployment, if one of that model is known."""
    if one.to is None or one.to in deployments:
        return one
    names = sorted(name for name, model in deployments.items() if model == one.to)
    return one._replace(to=names[0]) if names else one


def _named(plan: Plan, facts: Facts, to: str | None) -> set[str]:
    """Return the models whose verdict may differ from the overall one, a downgrade to `to`."""
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
        return _refused(Reason.MODEL_NOT_ALLOWED, "the plan does not allow this model")
    if plan.unpriced == "block" and model not in known:
        return _refused(Reason.MODEL_WITHOUT_PRICE, "the plan blocks models without a price")
    decision = decide_quota([one for one in states if _goes_down(one, model)], asked)
    return _told(decision, [one for one in states if one.quota.covers(*asked)])


def _refused(reason: Reason, detail: str) -> ModelVerdict:
    return ModelVerdict(Verdict.BLOCK, reason, detail, None, None, None)


def _goes_down(state: QuotaState, model: str | None) -> bool:
    """Return whether a quota's action applies to this model, which is not its own downgrade."""
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
        None if by is None else by.resets_at,
    )


def _cache_s(states: Iterable[QuotaState], now: Instant) -> int:
    """Return how long the verdicts may be cached: until the next window at most."""
    enforced = [one for one in states if one.quota.mode == "enforced"]
    share = max((one.percent for one in enforced if one.is_held or not one.is_reached), default=0)
    longest = next(seconds for least, seconds in _CACHE_S if share >= least)
    turn = min((one.window.end for one in enforced), default=now + _LONGEST_S * SECOND)
    return max(1, min(longest, (turn - now) // SECOND))
