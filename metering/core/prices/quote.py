"""A quote: the price of one request, explained line by line."""

from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.plans.plan import ONE, Plan
from metering.core.prices.price_book import PriceBook, PriceRow
from metering.core.prices.priced import PricingKey
from metering.core.prices.rating import Rate, card_for, off_peak_of, rate_card, rate_usage
from metering.core.usage.buckets import BUCKETS, INPUT_BUCKETS, NO_TOKENS, TOKENS, Buckets
from metering.core.usage.families import family_of
from metering.core.usage.meters import CALL, ROUTER, ROUTER_UNIT
from metering.core.usage.provider_usage import UNIT_OF_METER, Reading


class QuoteLine(NamedTuple):
    """One bucket of a request."""

    bucket: str
    quantity: int
    list_price: int | None
    """Integer of 10^-12 currency units a token; None where the price is the plan's own."""
    multiplier: int | None
    """Integer of 10^-6: markup or discount times off-peak."""
    unit_price: Amount
    """Integer of 10^-18 currency units a token."""
    amount: Amount


class Quote(NamedTuple):
    """One meter of a request; without an amount the reason says what has no price."""

    rate: Rate
    amount: Amount | None
    reason: str | None
    lines: tuple[QuoteLine, ...]
    row: PriceRow | None = None
    """The price row in force; None without one."""


def quote(book: PriceBook, plan: Plan, priced: PricingKey, at: Instant, buckets: Buckets) -> Quote:
    """Return the price of a request with these counts under a plan at an instant."""
    card = card_for(rate_card(book, plan, priced, at), buckets)
    rate, amount = rate_usage(card, buckets)
    if amount is None:
        reason = why_unpriced(book, plan, priced, at, buckets)
        return Quote(card.rate, None, reason, (), card.row)
    off_peak = off_peak_of(plan, at).multiplier
    lines: list[QuoteLine] = []
    for position, quantity in enumerate(buckets):
        unit = rate.units[position]
        if not quantity or unit is None:
            continue
        listed = None if card.row is None else card.row.prices[position]
        multiplier = plan.multiplier_for(rate.model, BUCKETS[position]) * off_peak // ONE
        is_list = listed is not None and listed * multiplier == unit
        lines.append(
            QuoteLine(
                BUCKETS[position],
                quantity,
                listed if is_list else None,
                multiplier if is_list else None,
                unit,
                quantity * unit,
            )
        )
    return Quote(rate, amount, None, tuple(lines), card.row)


def quote_reading(
    book: PriceBook,
    plan: Plan,
    priced: PricingKey,
    at: Instant,
    reading: Reading,
    *,
    is_routed: bool = False,
) -> tuple[Quote, ...]:
    """Return the quotes of a request and of every meter beside it, as the ledger would rate them.

    `is_routed`: a model router passed the request on, so its fee is charged too.
    """
    key = priced._replace(unit=reading.unit or priced.unit, not_understood=reading.not_understood)
    meters = [(name, UNIT_OF_METER.get(name, CALL), count) for name, count in reading.meters]
    if is_routed:
        meters.append((ROUTER, ROUTER_UNIT, sum(reading.buckets[INPUT_BUCKETS])))
    beside = (
        quote(book, plan, _meter_key(priced, name, unit), at, (*NO_TOKENS[TOKENS], count))
        for name, unit, count in meters
    )
    return quote(book, plan, key, at, reading.buckets), *beside


def _meter_key(priced: PricingKey, name: str, unit: str) -> PricingKey:
    family = family_of(priced.model, priced.provider)
    provider = priced.provider if family is None else family.provider
    return priced._replace(model=name, unit=unit, provider=provider, service_tier=None)


def why_unpriced(
    book: PriceBook, plan: Plan, priced: PricingKey, at: Instant, buckets: Buckets
) -> str | None:
    """Return in words why a request has no price; None for one that has."""
    if priced.not_understood is not None:
        return f"{priced.not_understood}: may be charged, but has no pricing rule"
    card = card_for(rate_card(book, plan, priced, at), buckets)
    if card.rate.is_priced:
        gaps = [
            BUCKETS[i] for i, count in enumerate(buckets) if count and card.rate.units[i] is None
        ]
        return f"{card.rate.row} has no price for {', '.join(gaps)}" if gaps else None
    if priced.is_provisioned:
        return "this provisioned deployment has no record"
    return book.why_unknown(priced.model, at, priced.place._replace(currency=plan.currency))
