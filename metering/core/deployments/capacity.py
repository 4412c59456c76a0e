"""Capacity: deployments that are paid by the hour over time, and the cost of each hour.

The record in force at the start of an hour sets its cost: provisioned units times their price, or
the hosting price of a fine-tuned model. Hours are in UTC, as in Azure's bill.
"""

from typing import NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR, Instant, format_instant
from metering.core.basics.money import AMOUNT_DECIMALS, PRICE_DECIMALS, Amount, parse_fixed
from metering.core.calendars.dated import BEGINNING, FOREVER, Dated
from metering.core.calendars.periods import Period, month_of
from metering.core.deployments.deployment import Deployment, IdlePolicy

_AMOUNTS_A_PRICE = 10 ** (AMOUNT_DECIMALS - PRICE_DECIMALS)


class Span(NamedTuple):
    """Consecutive hours with the same cost and idle policy: `[start, end)`."""

    start: Instant
    end: Instant
    units: int
    hourly_price: Amount
    """The price of one unit; a hosted model is one unit."""
    currency: str
    idle: IdlePolicy

    @property
    def hour_cost(self) -> Amount:
        """The cost of each hour."""
        return self.units * self.hourly_price

    @property
    def hours(self) -> int:
        """The number of hours."""
        return (self.end - self.start) // HOUR


class Capacity(NamedTuple):
    """All versions of a deployment that is paid by the hour at some time."""

    key: str
    """The key in its first record, which never changes."""
    records: Dated[Deployment]
    recorded: Instant
    """The time of the first record."""

    @property
    def place(self) -> str:
        """The key in lower case, for comparison."""
        return self.key.casefold()

    def costs_if_used(self, month: Period) -> bool:
        """Return whether a month costs only if it or an earlier month had usage.

        A first record that holds from the beginning does not date the purchase of the units. They
        cost from the month in which they were recorded, or from the first month with usage.
        """
        return self._reaches_back and self.recorded >= month.end

    def spans(self, start: Instant, end: Instant) -> list[Span]:
        """Return the cost of the hours that start in `[start, end)`, in order."""
        spans: list[Span] = []
        at = start
        while at < end:
            found, since, until = self.records.at(at)
            first, last = _next_hour(max(since, start)), _next_hour(min(until, end))
            hourly = None if found is None else _hourly(found)
            if hourly is not None and first < last:
                _append(spans, Span(first, last, *hourly))
            at = until
        return spans

    @property
    def ever_costs(self) -> bool:
        """Return whether any version is paid by the hour."""
        return any(_hourly(value) is not None for value in self.records.values())

    @property
    def _reaches_back(self) -> bool:
        return self.records.starts()[0] == BEGINNING


def _hourly(deployment: Deployment) -> tuple[int, Amount, str, IdlePolicy] | None:
    """Return units, price of a unit, currency and idle policy; None if no hour costs anything."""
    units, hosting = deployment.provisioned, deployment.hosting
    if units is not None:
        price = units.hourly_units * _AMOUNTS_A_PRICE
        return units.units, price, units.currency, units.idle
    if hosting is not None:
        price = parse_fixed(hosting.hourly_price, PRICE_DECIMALS) * _AMOUNTS_A_PRICE
        return 1, price, hosting.currency, hosting.idle
    return None


def _next_hour(instant: Instant) -> Instant:
    """Return the first start of an hour at or after an instant."""
    return -(-instant // HOUR) * HOUR


def _append(spans: list[Span], span: Span) -> None:
    """Add a span, merged with the previous one if their costs are equal."""
    last = spans[-1] if spans else None
    if last is not None and last == span._replace(start=last.start, end=span.start):
        spans[-1] = last._replace(end=span.end)
    else:
        spans.append(span)


def refuse_mixed_currencies(known: Dated[Deployment], new: Deployment, effective: Instant) -> None:
    """Raise ConfigurationError if a new record gives one month two currencies.

    A month is shared out in one currency, for nothing is converted here.
    """
    records = Dated[Deployment]()
    for start, value in (*zip(known.starts(), known.values(), strict=True), (effective, new)):
        records.add(start, value)
    capacity = Capacity(new.key, records, effective)
    _, _, end = records.at(effective)
    for instant in (effective, effective if end == FOREVER else end):
        month = month_of(instant)
        currencies = {span.currency for span in capacity.spans(month.start, month.end)}
        if len(currencies) > 1:
            raise ConfigurationError(
                f"deployment {capacity.key!r}: costs {' and '.join(sorted(currencies))} in the"
                f" month of {format_instant(month.start)}: change the currency at the start of one"
            )
