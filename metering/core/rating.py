"""Rating: what one request costs, exactly and independent of every other request."""

from collections.abc import Callable
from math import sumprod
from operator import itemgetter
from typing import NamedTuple

from metering.core.buckets import BUCKETS, INPUT_BUCKETS, Buckets
from metering.core.instants import Instant
from metering.core.money import Amount, format_amount
from metering.core.plan import ONE, Plan
from metering.core.price_book import PriceBook, PriceRow

_BUCKET_COUNT = len(BUCKETS)


class Rate(NamedTuple):
    """What a token of each bucket costs under one price row and plan.

    `units` are integers of 10^-18 currency units a token: list price times multiplier, exact.
    A rate without a version is no price: its tokens count and its amount is unknown.
    """

    model: str | None
    version: str | None
    row: str | None
    multiplier: int
    """Integer of 10^-6 that the list price was multiplied with."""
    units: tuple[int | None, ...]

    @property
    def is_priced(self) -> bool:
        """Say whether there is a price."""
        return self.version is not None


class RateCard(NamedTuple):
    """The rates that may apply to requests of one kind; which one depends on their counts."""

    rate: Rate
    unpriced: Rate
    factors: tuple[int, ...]
    """The units of `rate`, zero where there is none."""
    gaps: Callable[[Buckets], tuple[int, ...]]
    """Picks the counts of the buckets without a unit price."""
    above_tokens: int
    long: "RateCard | None"
    """What prices the whole request when its prompt is larger than `above_tokens`."""


class Priced(NamedTuple):
    """What decides the price of a request apart from its counts, plan and time."""

    model: str | None
    deployment_type: str | None
    region: str | None
    service_tier: str | None


def rate_card(book: PriceBook, plan: Plan, priced: Priced, at: Instant) -> RateCard:
    """Return the rates of such requests under `plan` at `at`; unpriced without a row."""
    unpriced = Rate(priced.model, None, None, ONE, (None,) * _BUCKET_COUNT)
    row, long_row = (
        _row_in_force(book, plan, priced, at, long_context=long) for long in (False, True)
    )
    if row is None:
        return _card(unpriced, unpriced)
    rate = _rate(priced.model, row, plan)
    if long_row is None or long_row.above_tokens is None:
        return _card(rate, unpriced)
    long_card = _card(_rate(priced.model, long_row, plan), unpriced)
    return _card(rate, unpriced)._replace(above_tokens=long_row.above_tokens, long=long_card)


def _row_in_force(
    book: PriceBook, plan: Plan, priced: Priced, at: Instant, *, long_context: bool
) -> PriceRow | None:
    if priced.model is None:
        return None
    row = book.find(
        priced.model,
        at,
        deployment_type=priced.deployment_type,
        region=priced.region,
        service_tier=priced.service_tier,
        long_context=long_context,
    )
    return None if row is None or row.currency != plan.currency else row


def _rate(model: str | None, row: PriceRow, plan: Plan) -> Rate:
    multiplier = plan.multiplier
    units = tuple(None if price is None else price * multiplier for price in row.prices)
    return Rate(model, row.version, row.id, multiplier, units)


def _card(rate: Rate, unpriced: Rate) -> RateCard:
    factors = tuple(unit or 0 for unit in rate.units)
    missing = [index for index, unit in enumerate(rate.units) if unit is None]
    # Each twice, for of one alone itemgetter returns no tuple.
    gaps = itemgetter(*missing, *missing) if missing else _no_gaps
    return RateCard(rate, unpriced, factors, gaps, above_tokens=0, long=None)


def _no_gaps(_: Buckets) -> tuple[int, ...]:
    return ()


def rate_usage(card: RateCard, buckets: Buckets) -> tuple[Rate, Amount | None]:
    """Return the rate that applies to these counts and the amount under it.

    None is the state "unpriced": no row, or tokens in a bucket that the row does not price.
    """
    if card.long is not None and sum(buckets[INPUT_BUCKETS]) > card.above_tokens:
        card = card.long
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
    """Return what one token of a bucket costs, as a decimal string in currency units."""
    unit = rate.units[bucket]
    return None if unit is None else format_amount(unit)
