"""Our amounts beside those of other implementations, counted by verdict."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from metering.adapters.files import committed_prices
from metering.core.basics.instants import Instant
from metering.core.basics.money import to_decimal
from metering.core.plans.plan import DEFAULT_PLAN
from metering.core.prices.price_book import PriceBook
from metering.core.prices.priced import PricingKey
from metering.core.prices.rating import rate_card, rate_usage
from metering.core.usage.provider_usage import ProviderUsage, disjoint_buckets

BOOK: Final = PriceBook(committed_prices())

type Usage = dict[str, Any]


class Verdicts(NamedTuple):
    """How often each verdict was given, and on which models."""

    counts: Counter[str]
    models: dict[str, set[str]]


def tally(found: Iterator[tuple[str, str]]) -> Verdicts:
    """Count pairs of model and verdict."""
    verdicts = Verdicts(Counter(), {})
    for model, verdict in found:
        verdicts.counts[verdict] += 1
        verdicts.models.setdefault(verdict, set()).add(model)
    return verdicts


def ours(priced: PricingKey, usage: Usage, at: Instant) -> Decimal | None:
    """Return what we charge by the committed prices; None where the request is unpriced."""
    buckets = disjoint_buckets(ProviderUsage.model_validate(usage))
    amount = rate_usage(rate_card(BOOK, DEFAULT_PLAN, priced, at), buckets)[1]
    return None if amount is None else to_decimal(amount)
