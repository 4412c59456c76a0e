"""Capacity: provisioned deployments over time, and which hours of them cost what.

An hour costs what the record in force at its start says: units times the price of one. The hours
are those of UTC, by which Azure bills capacity.
"""

from typing import NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR, Instant, format_instant
from metering.core.basics.money import AMOUNT_DECIMALS, PRICE_DECIMALS, Amount
from metering.core.calendars.dated import BEGINNING, FOREVER, Dated
from metering.core.calendars.periods import Period, month_of
from metering.core.deployments.deployment import Deployment, IdlePolicy

_AMOUNTS_A_PRICE = 10 ** (AMOUNT_DECIMALS - PRICE_DECIMALS)


class Span(NamedTuple):
    """Hours in a row that cost the same and whose idle ones are paid alike: `[start, end)`."""

    start: Instant
    end: Instant
    units: int
    hourly_price: Amount
    """Of one unit."""
    currency: str
    idle: IdlePolicy

    @property
    def hour_cost(self) -> Amount:
        """What each of the hours costs."""
        return self.units * self.hourly_price

    @property
    def hours(self) -> int:
        """How many hours there are."""
        return (self.end - self.start) // HOUR


class Capacity(NamedTuple):
    """All that is recorded of one deployment that has provisioned units at some time."""

    key: str
    """As its first record has it, which never changes."""
    records: Dated[Deployment]
    recorded: Instant
    """When the first one was recorded."""

    @property
    def place(self) -> str:
        """Its key as keys are compared: in lower case."""
        return self.key.casefold()

    def costs_if_used(self, month: Period) -> bool:
        """Say whether a month costs only where there was usage in it or before.

        A first record that holds from the beginning says nothing of when the units were bought.
        They cost from the month in which they were recorded, or from the first with usage.
        """
        return self._reaches_back and self.recorded >= month.end

    def spans(self, start: Instant, end: Instant) -> list[Span]:
        """Return what the hours that begin in `[start, end)` cost, in order."""
        spans: list[Span] = []
        at = start
        while at < end:
            found, since, until = self.records.at(at)
            first, last = _next_hour(max(since, start)), _next_hour(min(until, end))
            units = None if found is None else found.provisioned
            if units is not None and first < last:
                price = units.hourly_units * _AMOUNTS_A_PRICE
                _append(spans, Span(first, last, units.units, price, units.currency, units.idle))
            at = until
        return spans

    @property
    def ever_costs(self) -> bool:
        """Say whether any record has provisioned units."""
        return any(value.provisioned is not None for value in self.records.values())

    @property
    def _reaches_back(self) -> bool:
        return self.records.starts()[0] == BEGINNING


def _next_hour(instant: Instant) -> Instant:
    """Return the first start of an hour that is not before an instant."""
    return -(-instant // HOUR) * HOUR


def _append(spans: list[Span], span: Span) -> None:
    """Add a span: to the one before, where no more changed than, say, the model's version."""
    last = spans[-1] if spans else None
    if last is not None and last == span._replace(start=last.start, end=span.start):
        spans[-1] = last._replace(end=span.end)
    else:
        spans.append(span)


def refuse_mixed_currencies(known: Dated[Deployment], new: Deployment, effective: Instant) -> None:
    """Raise ConfigurationError where a new record makes one month cost in two currencies.

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
