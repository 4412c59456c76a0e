"""The sum of one chargeback row."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant
from metering.core.basics.money import Amount
from metering.core.ledger.entry import State
from metering.core.ledger.head import NOTHING, RateTotals, totals_of

#: The lists of names of a row.
LISTS: Final = ("regions", "callers", "backends", "caches", "tenants")
#: Names that a row keeps of each list. Further ones are not kept, and the cell says so.
MAX_KEPT: Final = 1_000


class Key(NamedTuple):
    """The key of a row; None for what the calls did not name."""

    day: str | None
    """The day of the usage; None unless rows are by day."""
    name: str | None
    model: str | None
    deployment: str | None
    account: str | None
    sku: str | None
    unit: str
    currency: str


class Day(NamedTuple):
    """The requests of one day, with their first and last times."""

    requests: int
    first: Instant
    last: Instant


@dataclass(slots=True)
class Sum:
    """The usage of one row."""

    line: RateTotals = NOTHING
    amount: Amount = 0
    cost: Amount = 0
    """The cost to the company, as far as it is known."""
    uncosted: int = 0
    """Requests that have a price, and no known cost."""
    uncosted_amount: Amount = 0
    names: dict[str, Counter[str]] = field(default_factory=dict)
    """Requests by list and name."""
    days: dict[int, Day] = field(default_factory=dict)

    def add(self, state: State, time: Instant, tenant: str, sign: int) -> None:
        """Add a request of a tenant, or take it away with a sign of -1."""
        self.line = self.line.plus(totals_of(state, sign))
        self.amount += sign * (state.amount or 0)
        of = state.dimensions
        values = (of.region, of.subject, of.backend, of.cache, tenant)
        for name, value in zip(LISTS, values, strict=True):
            if value is not None:
                self._list(name, value, sign)
        self._see(time // DAY, Day(sign, time, time))

    def add_cost(self, state: State, cost: Amount | None, sign: int) -> None:
        """Add what a request costs the company; None if that is not known."""
        if cost is not None:
            self.cost += sign * cost
        elif not state.is_unpriced:
            self.uncosted += sign
            self.uncosted_amount += sign * (state.amount or 0)

    def absorb(self, more: "Sum") -> None:
        """Add another sum of the same key."""
        self.line = self.line.plus(more.line)
        self.amount += more.amount
        self.cost += more.cost
        self.uncosted += more.uncosted
        self.uncosted_amount += more.uncosted_amount
        for name, counts in more.names.items():
            for value, requests in counts.items():
                self._list(name, value, requests)
        for number, day in more.days.items():
            self._see(number, day)

    def _list(self, name: str, value: str, requests: int) -> None:
        known = self.names.setdefault(name, Counter())
        if value in known or len(known) < MAX_KEPT:
            known[value] += requests

    def _see(self, number: int, more: Day) -> None:
        known = self.days.get(number, Day(0, more.first, more.last))
        self.days[number] = Day(
            known.requests + more.requests,
            min(known.first, more.first),
            max(known.last, more.last),
        )
