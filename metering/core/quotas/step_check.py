"""Check of a plan's downgrades: none may block by itself, or lead in a circle."""

from collections import defaultdict
from collections.abc import Mapping

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.plans.named_models import Step, named_models, steps
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceBook
from metering.core.quotas.ladder import ladder_of


def check_steps(plan: Plan, book: PriceBook, at: Instant) -> None:
    """Raise ConfigurationError for a downgrade that would block, or leads in a circle."""
    ladder = ladder_of(book, plan.currency, at)
    for place, model, action in steps(plan):
        to = action.downgrade
        if not plan.allows(to):
            raise _refused(plan, place, f"{to!r} is not among allowed_models")
        if model is None:
            continue
        reason = ladder.refusal(model, to, may_be_dearer=action.dearer)
        if reason is not None:
            raise _refused(plan, place, f"{to!r} {reason}")
    _refuse_circles(plan)


def _refuse_circles(plan: Plan) -> None:
    """Refuse steps by which a request could come back to the model that it left."""
    every = {name for _, name in named_models(plan)}
    leads: defaultdict[str, set[str]] = defaultdict(set)
    for step in steps(plan):
        _add(leads, step, every)
        for start in _sources(step, every):
            if start in _reached(leads, step.action.downgrade):
                reason = f"{step.action.downgrade!r} leads back to {start!r}"
                raise _refused(plan, step.place, reason)


def _sources(step: Step, every: set[str]) -> set[str]:
    return (every if step.model is None else {step.model}) - {step.action.downgrade}


def _add(leads: defaultdict[str, set[str]], step: Step, every: set[str]) -> None:
    for model in _sources(step, every):
        leads[model].add(step.action.downgrade)


def _reached(leads: Mapping[str, set[str]], start: str) -> set[str]:
    """Return the models that requests for one can be sent down to, over any number of steps."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = leads.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _refused(plan: Plan, place: str, reason: str) -> ConfigurationError:
    return ConfigurationError(f"plan {plan.id!r}: {place}: {reason}")
