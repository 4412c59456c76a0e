"""Rating: what one request costs, exactly and independent of every other request."""

from collections.abc import Callable
from math import sumprod
from operator import itemgetter
from typing import Final, NamedTuple

from metering.core.basics.instants import Instant, format_instant
from metering.core.basics.money import Amount, format_amount
from metering.core.calendars.dated import BEGINNING, FOREVER
from metering.core.plans.off_peak import Segment, segment_at
from metering.core.plans.plan import ONE, Plan
from metering.core.prices.price_book import TOKEN, PriceBook, PriceRow
from metering.core.prices.priced import PricingKey
from metering.core.usage.buckets import BUCKETS, INPUT_BUCKETS, Buckets
from metering.core.usage.event import OUTCOME

#: Prices at every hour of the week as they are listed.
_ALWAYS: Final = Segment(ONE, BEGINNING, FOREVER)

NO_UNITS: Final = (None,) * len(BUCKETS)
_FREE: Final = (0,) * len(BUCKETS)
#: The tier that can be a property of the deployment, so that no request names it.
PRIORITY: Final = "priority"
#: Longer prompts on such a deployment are served and charged as standard (Azure's priority
#: processing page, 2026; it names gpt-4.1 and gpt-5.4). A response that names its tier decides.
PRIORITY_PROMPT_TOKENS: Final = 128_000
#: The row of a rate that a plan gives without a row of the price book: the name of its model is
#: the one that the request gave.
OF_THE_PLAN: Final = "plan"
#: The name under which a ledger counts models and meters that it has no room to name.
OTHER_NAMES: Final = "(other names)"
#: After the key of a deployment it names the row of its provisioned units.
PROVISIONED_ROW: Final = "/provisioned"


class Rate(NamedTuple):
    """The unit price of each bucket under one price row and plan.

    `units` are integers of 10^-18 currency units a token (or a millionth of another meter's unit):
    list price times multiplier, exact. Without a version the usage counts and its amount is
    unknown.
    """

    model: str | None
    """The model, or the name of another meter."""
    version: str | None
    row: str | None
    multiplier: int
    """Integer of 10^-6 that the list price was multiplied with; see the plan for its overrides."""
    units: tuple[int | None, ...]
    channel: str | None = None
    """The channel that bills the company for it: microsoft or marketplace; None while unknown."""
    unit: str = TOKEN
    """The unit that is counted: tokens, or that of another meter."""
    weights: tuple[int, ...] | None = None
    """On provisioned throughput: how much of it a token of each bucket takes, in 10^-6."""
    hosted: str | None = None
    """The key of a deployment whose hosting is paid by the hour beside these prices."""

    @property
    def is_priced(self) -> bool:
        """Say whether there is a price."""
        return self.version is not None

    @property
    def capacity(self) -> str | None:
        """The key of the deployment whose hours were used; None if no hour of it is paid."""
        if self.hosted is not None:
            return self.hosted
        if self.weights is None or self.row is None:
            return None
        return self.row.removesuffix(PROVISIONED_ROW)


class RateCard(NamedTuple):
    """The rates that may apply to requests of one kind; their counts decide which one does."""

    rate: Rate
    unpriced: Rate
    factors: tuple[int, ...]
    """The units of `rate`, zero where there is none."""
    gaps: Callable[[Buckets], tuple[int, ...]]
    """Picks the counts of the buckets without a unit price."""
    above_tokens: int
    long: "RateCard | None"
    """Prices the whole request when its prompt is larger than `above_tokens`."""
    row: PriceRow | None = None
    """The price row behind `rate`; None for an unknown price or one of the plan's own."""


def rate_card(book: PriceBook, plan: Plan, priced: PricingKey, at: Instant) -> RateCard:
    """Return the rates of such requests under `plan` at `at`; unpriced without a row.

    A price of the plan itself (a negotiated one, one price for every token) needs no row. A cost
    that no rule understands has no price, whatever the plan says.
    """
    unpriced = Rate(priced.model, None, None, ONE, NO_UNITS, unit=priced.unit, hosted=priced.hosted)
    if priced.not_understood is not None:
        return _card(unpriced, unpriced)
    if priced.is_provisioned:
        return _card(_provisioned(priced) or unpriced, unpriced)
    card = _tier_card(book, plan, priced, at, unpriced)
    if priced.service_tier != PRIORITY or priced.is_tier_served or card.long is not None:
        return card
    standard = _tier_card(book, plan, priced._replace(service_tier=None), at, unpriced)
    return card._replace(above_tokens=PRIORITY_PROMPT_TOKENS, long=standard)


def _tier_card(
    book: PriceBook, plan: Plan, priced: PricingKey, at: Instant, unpriced: Rate
) -> RateCard:
    """Return the rates of one service tier."""
    row, long_row = (
        _row_in_force(book, plan, priced, at, long_context=long) for long in (False, True)
    )
    rate = _rate(priced, row, plan, at)
    if rate is None:
        return _card(unpriced, unpriced)
    long_rate = None if long_row is None else _rate(priced, long_row, plan, at)
    if long_row is None or long_row.above_tokens is None or long_rate is None:
        return _card(rate, unpriced, row)
    long_card = _card(long_rate, unpriced, long_row)
    card = _card(rate, unpriced, row)
    return card._replace(above_tokens=long_row.above_tokens, long=long_card)


def outcome_card(name: str | None) -> RateCard:
    """Return the rates of an outcome: zero, whatever a book or a plan says under its name."""
    rate = Rate(name, OUTCOME, None, ONE, _FREE, unit=OUTCOME)
    return _card(rate, rate)


def _provisioned(priced: PricingKey) -> Rate | None:
    """Return the rate of capacity that is paid by the hour: zero at the margin, but weighted.

    None for a deployment that is not registered: its cost is not known.
    """
    found = priced.registered
    if found is None or found.deployment.provisioned is None:
        return None
    version = f"deployments@{format_instant(found.since)}"
    row = f"{found.deployment.key}{PROVISIONED_ROW}"
    weights = found.deployment.provisioned.bucket_weights()
    return Rate(priced.model, version, row, ONE, _FREE, "microsoft", TOKEN, weights)


def _row_in_force(
    book: PriceBook, plan: Plan, priced: PricingKey, at: Instant, *, long_context: bool
) -> PriceRow | None:
    if priced.model is None:
        return None
    place = priced.place._replace(currency=plan.currency)
    return book.find(priced.model, at, place, long_context=long_context)


def _rate(priced: PricingKey, row: PriceRow | None, plan: Plan, at: Instant) -> Rate | None:
    """Return the rate under a row and a plan; None where neither has a price for any bucket."""
    model = priced.model if row is None else row.model
    off_peak = off_peak_of(plan, at).multiplier
    listed = (None,) * len(BUCKETS) if row is None else row.prices
    units = tuple(
        plan.unit_price(model, bucket, price, off_peak)
        for bucket, price in zip(BUCKETS, listed, strict=True)
    )
    if not any(unit is not None for unit in units):
        return None
    version = f"plan:{plan.id}" if row is None else row.version
    return Rate(
        model,
        version,
        OF_THE_PLAN if row is None else row.id,
        plan.multiplier * off_peak // ONE,
        units,
        None if row is None else row.channel,
        priced.unit,
        hosted=priced.hosted,
    )


def off_peak_of(plan: Plan, at: Instant) -> Segment:
    """Return the plan's off-peak multiplier at an instant, and the span in which it holds."""
    return _ALWAYS if plan.off_peak is None else segment_at(plan.off_peak, at)


def _card(rate: Rate, unpriced: Rate, row: PriceRow | None = None) -> RateCard:
    factors = tuple(unit or 0 for unit in rate.units)
    missing = [index for index, unit in enumerate(rate.units) if unit is None]
    # Each twice, for of one alone itemgetter returns no tuple.
    gaps = itemgetter(*missing, *missing) if missing else _no_gaps
    return RateCard(rate, unpriced, factors, gaps, above_tokens=0, long=None, row=row)


def _no_gaps(_: Buckets) -> tuple[int, ...]:
    return ()


def card_for(card: RateCard, buckets: Buckets) -> RateCard:
    """Return the card that prices these counts: the one of long prompts, or `card` itself."""
    while card.long is not None and sum(buckets[INPUT_BUCKETS]) > card.above_tokens:
        card = card.long
    return card


def rate_usage(card: RateCard, buckets: Buckets) -> tuple[Rate, Amount | None]:
    """Return the rate that applies to these counts and the amount under it.

    None is the state "unpriced": no row, or tokens in a bucket that the row does not price.
    """
    card = card_for(card, buckets)
    rate = card.rate
    if rate.version is None or any(card.gaps(buckets)):
        return card.unpriced, None
    # Of integers sumprod gives an exact integer of any size; its stub says float.
    amount: Amount = sumprod(buckets, card.factors)  # type: ignore[assignment]
    return rate, amount


def amount_of(rate: Rate, buckets: Buckets) -> Amount | None:
    """Return the amount of `buckets` under a rate as recorded in a page; None if unpriced."""
    if rate.version is None:
        return None
    total = 0
    for count, unit in zip(buckets, rate.units, strict=True):
        if count:
            if unit is None:
                return None
            total += count * unit
    return total


def unit_price(rate: Rate, bucket: int) -> str | None:
    """Return the price of one token of a bucket as a decimal string in currency units."""
    unit = rate.units[bucket]
    return None if unit is None else format_amount(unit)
