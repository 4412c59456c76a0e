"""Check of a plan against the price book and the configuration."""

from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.basics.suggestions import hint
from metering.core.plans.named_models import named_models
from metering.core.plans.plan import Plan
from metering.core.plans.scope import EACH
from metering.core.prices.price_book import PriceBook
from metering.core.quotas.step_check import check_steps


def check_plan(plan: Plan, book: PriceBook, at: Instant) -> None:
    """Raise ConfigurationError naming the field in which a plan and the price book disagree."""
    if plan.currency not in book.currencies:
        raise ConfigurationError(
            f"plan {plan.id!r}: currency: the price book has no prices in {plan.currency}"
        )
    for place, name in named_models(plan):
        canonical = book.canonical(name)
        if canonical is None:
            raise ConfigurationError(
                f"plan {plan.id!r}: {place}: the price book has no model {name!r}:"
                f" {hint(name, book.models(), 'prices list')}"
            )
        if canonical != name:
            raise ConfigurationError(
                f"plan {plan.id!r}: {place}: {name!r} is an alias: write {canonical!r}"
            )
    check_steps(plan, book, at)


class Known(NamedTuple):
    """The names an installation knows that quotas can refer to."""

    served: frozenset[str]
    """The canonical names of the models that known deployments serve."""
    subjects: frozenset[str]
    """The subjects that tenants pay for."""
    suspends: bool
    """Whether this system may suspend subscriptions at the gateway."""


def unenforced(plan: Plan, known: Known) -> list[str]:
    """Return what this configuration cannot enforce of a plan's quotas, each with its place."""
    found: list[str] = []
    for number, quota in enumerate(plan.quotas):
        place, scope = f"plan {plan.id!r}: quotas.{number}.scope", quota.scope
        models = [(f"{place}.model", scope.model), *_overridden(plan, number, "model")]
        for at, model in models:
            if model not in {None, EACH, *known.served} and known.served:
                found.append(
                    f"{at}: no deployment is known to serve {model!r}: only requests that name the"
                    " model itself are limited (see `metering deployments list`)"
                )
        subjects = [(f"{place}.subscription", scope.subscription)]
        for at, subject in [*subjects, *_overridden(plan, number, "subscription")]:
            if subject not in {None, EACH, *known.subjects}:
                found.append(f"{at}: no tenant pays for {subject!r}: no request is limited")
        headers = [name for name in _HEADERS if getattr(scope, name) is not None]
        if headers and plan.suspend and quota.action == "block":
            found.append(
                f"{place}: a limit on {' and '.join(headers)} suspends no subscription: it is"
                " enforced request by request"
            )
    if plan.suspend and not known.suspends:
        found.append(
            f"plan {plan.id!r}: suspend: METERING_APIM_SERVICE is not set: no subscription is"
            " suspended"
        )
    return found


def _overridden(plan: Plan, number: int, attribute: str) -> list[tuple[str, str]]:
    """Return the values of an attribute that a quota has limits for, with their place."""
    place = f"plan {plan.id!r}: quotas.{number}.overrides"
    return [(place, value) for value in plan.quotas[number].overridden(attribute)]


#: Attributes that only a request tells.
_HEADERS: Final = ("product", "use_case", "end_user", "agent", "session")
