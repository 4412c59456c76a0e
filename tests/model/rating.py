"""What a request costs in exact fractions, by its time alone, as docs/plans.md describes it."""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from tests.model.charging import MILLION, Rated
from tests.model.scenario import Price, Terms, Use

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def rated(use: Use, published: Iterable[Iterable[Price]], terms: Terms) -> Rated:
    """Return a request under the prices published so far, and the plan at its time."""
    is_billable = use.status == 200
    counts = {b: Fraction(n) for b, n in use.counts.items()} if is_billable else {}
    price = _in_force(use, published)
    prices = {bucket: _unit_price(use, bucket, price, terms) for bucket in counts}
    known = {bucket: unit for bucket, unit in prices.items() if unit is not None}
    is_priced = all(bucket in known or not count for bucket, count in counts.items())
    channel = price.channel if price else None
    return Rated(counts, known if is_priced else None, use.model, use.unit, channel, is_billable)


def _in_force(use: Use, published: Iterable[Iterable[Price]]) -> Price | None:
    """Return the latest start before a request; of those that start together the last published."""
    prices = [one for version in published for one in version if one.model == use.model]
    begun = [one for one in prices if one.since <= use.time]
    return max(reversed(begun), key=lambda one: one.since, default=None)


def _unit_price(use: Use, bucket: str, price: Price | None, terms: Terms) -> Fraction | None:
    """Return the price of one token or unit; None if it is not known."""
    per = MILLION if use.unit == "token" else Fraction(1)
    override = _most_specific(terms.get("overrides", ()), use.model, bucket)
    own = override.get("price_per_million")
    if own is None and use.unit == "token":
        own = terms.get("total_token_price_per_million")
    if own is not None:
        return Fraction(own) / per
    if price is None or bucket not in price.prices:
        return None
    markup = Fraction(str(override.get("markup", terms.get("markup", "0"))))
    return Fraction(price.prices[bucket]) / per * (1 + markup) * _off_peak(terms, use.time)


def _most_specific(overrides: Iterable[dict[str, Any]], model: str, bucket: str) -> dict[str, Any]:
    """Return the override of model and bucket, else of the model, else of the bucket."""
    for names in ({"model", "bucket"}, {"model"}, {"bucket"}):
        for override in overrides:
            given = override.keys() & {"model", "bucket"}
            is_meant = override.get("model", model) == model
            if given == names and is_meant and override.get("bucket", bucket) == bucket:
                return override
    return {}


def _off_peak(terms: Terms, at: datetime) -> Fraction:
    found = terms.get("off_peak")
    if found is None:
        return Fraction(1)
    wall = at.astimezone(ZoneInfo(found["time_zone"]))
    now = wall.strftime("%H:%M")
    for window in found["windows"]:
        begins, ends = window["from"], window["to"]
        days = window.get("days", WEEKDAYS)
        today, yesterday = WEEKDAYS[wall.weekday()] in days, WEEKDAYS[wall.weekday() - 1] in days
        if begins < ends:
            is_in = today and begins <= now < ends
        else:
            is_in = (today and now >= begins) or (yesterday and now < ends)
        if is_in:
            return Fraction(window["multiplier"])
    return Fraction(1)
