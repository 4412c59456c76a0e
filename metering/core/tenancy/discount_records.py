"""Decisions on the discounts that the company has agreed with its providers."""

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, Instant
from metering.core.prices.discount import Discount, must_be_a_day
from metering.core.prices.price_book import PriceBook
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.record import Decision, Record


def set_discount(
    directory: Directory,
    prices: PriceBook,
    discount: Discount,
    now: Instant,
    effective: Instant | None = None,
) -> Decision[Instant]:
    """Let a discount hold from a UTC day on, by default the next one.

    It may begin in the past, since no tenant's charge depends on it and an invoice may tell of it
    late. The record says when it was made.
    """
    start = now - now % DAY + DAY if effective is None else effective
    must_be_a_day(start)
    known, since, _ = directory.discounts.of(discount.key).at(start)
    if known == discount:
        return Decision(since, None)
    _must_be_sold(prices, discount)
    value = discount.model_dump_json(exclude_none=True)
    return Decision(start, Record("discount", discount.key, value, start, now))


def _must_be_sold(prices: PriceBook, discount: Discount) -> None:
    """Raise ConfigurationError for a name that no price has: it would discount nothing."""
    rows = prices.rows.values()
    for kind, name in (("provider", discount.provider), ("model", discount.model)):
        if name is None or any(getattr(row, kind).casefold() == name.casefold() for row in rows):
            continue
        raise ConfigurationError(
            f"discount for {kind} {name!r}: no price has this {kind}: see `metering prices list`"
        )
