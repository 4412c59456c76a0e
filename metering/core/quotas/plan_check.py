"""Check of a plan against the price book: names the book does not know, impossible downgrades."""

from metering.core.basics.errors import ConfigurationError
from metering.core.plans.plan import Plan
from metering.core.plans.quota import Downgrade
from metering.core.prices.price_book import PriceBook
from metering.core.quotas.admission import is_of_another_provider


def check_plan(plan: Plan, book: PriceBook) -> None:
    """Raise ConfigurationError naming the field in which a plan and the price book disagree."""
    if plan.currency not in book.currencies:
        raise ConfigurationError(
            f"plan {plan.id!r}: currency: the price book has no prices in {plan.currency}"
        )
    for place, name in plan.named_models():
        canonical = book.canonical(name)
        if canonical is None:
            raise ConfigurationError(
                f"plan {plan.id!r}: {place}: the price book has no model {name!r}"
            )
        if canonical != name:
            raise ConfigurationError(
                f"plan {plan.id!r}: {place}: {name!r} is an alias: write {canonical!r}"
            )
    providers = book.providers
    for number, quota in enumerate(plan.quotas):
        model, action = quota.scope.model, quota.action
        if not isinstance(action, Downgrade):
            continue
        if is_of_another_provider(model, action.downgrade, providers):
            raise ConfigurationError(
                f"plan {plan.id!r}: quotas.{number}.action.downgrade: {action.downgrade!r} is of"
                f" {providers[action.downgrade]}, {model!r} of {providers[model or '']}:"
                " a request cannot go down to another provider"
            )
