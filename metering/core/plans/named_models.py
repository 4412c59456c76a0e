"""The models that a plan names, each with its place in the plan."""

from collections.abc import Iterator
from typing import NamedTuple

from metering.core.plans.plan import Plan
from metering.core.plans.quota import Downgrade
from metering.core.plans.scope import EACH
from metering.core.plans.terms import Allowance, Package, Tier


class Step(NamedTuple):
    """One downgrade that a plan asks for."""

    place: str
    model: str | None
    """None: every model."""
    action: Downgrade


def steps(plan: Plan) -> Iterator[Step]:
    """Yield every downgrade of a plan: of its quotas, its switches, and its rule on spikes."""
    for number, quota in enumerate(plan.quotas):
        if isinstance(quota.action, Downgrade):
            model = None if quota.scope.model == EACH else quota.scope.model
            yield Step(f"quotas.{number}.action.downgrade", model, quota.action)
    for number, switch in enumerate(plan.switches):
        yield Step(f"switches.{number}.action.downgrade", switch.model, switch.action)
    if plan.spike is not None and isinstance(plan.spike.action, Downgrade):
        yield Step("spike.action.downgrade", None, plan.spike.action)


def named_models(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield each model with its place."""
    found = [
        *((f"overrides.{n}.model", one.model) for n, one in enumerate(plan.overrides)),
        *((f"allowed_models.{n}", one) for n, one in enumerate(plan.allowed_models or ())),
        *((f"quotas.{n}.scope.model", one.scope.model) for n, one in enumerate(plan.quotas)),
        *(
            (f"quotas.{n}.overrides", model)
            for n, one in enumerate(plan.quotas)
            for model in one.overridden("model")
        ),
        *((f"switches.{n}.model", one.model) for n, one in enumerate(plan.switches)),
        *((step.place, step.action.downgrade) for step in steps(plan)),
        *_of_period_terms(plan),
    ]
    yield from ((place, model) for place, model in found if model not in {None, EACH})


def _of_period_terms(plan: Plan) -> Iterator[tuple[str, str | None]]:
    for name in ("allowance", "tiers", "packages"):
        terms: tuple[Allowance | Tier | Package, ...] = getattr(plan, name)
        for number, term in enumerate(terms):
            for place, meter in enumerate(term.meters or ()):
                yield f"{name}.{number}.meters.{place}.model", meter.model
