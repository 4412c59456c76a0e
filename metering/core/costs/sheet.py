"""The cost sheet: breakdowns and allocations of all tenants, summed up by the dimensions asked for.

A tenant's share of a deployment's hours is divided among its usage of that deployment in the month,
in proportion to weighted tokens; what no tenant pays belongs to the days by the cost of their
hours. Both divisions are exact.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from metering.core.allocation.allocation import Allocation, Share, divide
from metering.core.basics.instants import DAY
from metering.core.basics.money import Amount
from metering.core.calendars.periods import day_at
from metering.core.costs.own_costs import OwnCosts
from metering.core.costs.query import PERIODS, CostQuery, period_of
from metering.core.costs.sums import CostRow, Sums
from metering.core.prices.rating import OTHER_NAMES
from metering.core.reports.breakdown import Row
from metering.core.reports.count import in_order

type Names = Mapping[str, str | None]
"""Values by dimension of names, and the day."""
type Group = tuple[str | None, ...]

#: Groups in memory, each less than a kilobyte; further names count as OTHER_NAMES.
MAX_GROUPS: Final = 20_000
#: In the place of names that terms of a whole plan do not have.
PLAN_TERMS: Final = "(plan terms)"


class _Key(NamedTuple):
    currency: str
    group: Group


class _Use(NamedTuple):
    """A tenant's use of a deployment in a month."""

    place: str
    month: str
    tenant: str


class CostSheet:
    """Sums up costs; holds sums only."""

    def __init__(self, query: CostQuery, own: OwnCosts) -> None:
        self.query = query
        self._own = own
        self._sums: dict[_Key, Sums] = {}
        self._weights: defaultdict[_Use, dict[Group, int]] = defaultdict(dict)

    def add(self, tenant: str, currency: str, rows: Iterable[Row]) -> None:
        """Add the usage of a tenant, grouped by `query.read_by`."""
        names = self.query.read_by
        for row in rows:
            day, price = row.group[0] or "", row.group[1]
            weighted = self._own.weighted(price, row.line.tokens)
            if weighted is not None and weighted[1]:
                weights = self._weights[_Use(weighted[0], day[:7], tenant)]
                group = (day, *row.group[2:])
                weights[group] = weights.get(group, 0) + weighted[1]
            of = dict(zip(names, row.group, strict=True))
            sums = self._of(currency, {**of, "tenant": tenant})
            if sums is not None:
                paid = self._own.cost(price, day, row.line.tokens)
                sums.count(row.line, row.amount or 0, paid)

    def add_terms(self, tenant: str, currency: str, day: str, amount: Amount) -> None:
        """Add what the terms of a plan change in a period that ends with a day."""
        others = dict.fromkeys(self.query.names, PLAN_TERMS)
        sums = self._of(currency, {**others, "tenant": tenant, "day": day})
        assert sums is not None, "terms are asked for by day and tenant only"
        sums.terms += amount

    def add_allocation(self, allocation: Allocation, known: Names, *, is_final: bool) -> None:
        """Add the hours of a deployment in a month, after the usage of it.

        `known` is what the registry says about the deployment.
        """
        for share in allocation.shares:
            self._add_share(allocation, share, known, is_final=is_final)
        for day, part in divide(allocation.unallocated, _cost_by_day(allocation)).items():
            sums = self._of(allocation.currency, {**known, "day": day})
            if sums is not None:
                sums.unallocated += part
                sums.provisional += 0 if is_final else part

    def _add_share(
        self, allocation: Allocation, share: Share, known: Names, *, is_final: bool
    ) -> None:
        month = allocation.month
        use = _Use(allocation.deployment.casefold(), month.name, share.tenant)
        weights = self._weights.get(use) or {
            (day_at(month.start), *(known.get(name) for name in self.query.read_by[2:])): 1
        }
        used, idle = (divide(part, weights, in_order) for part in (share.used, share.idle))
        for group in weights:
            day, *others = group
            named = dict(zip(self.query.read_by[2:], others, strict=True))
            sums = self._of(allocation.currency, {**named, "day": day, "tenant": share.tenant})
            if sums is None:
                continue
            sums.used += used[group]
            sums.idle += idle[group]
            part = used[group] + idle[group]
            sums.billed += part if share.is_billable else 0
            sums.provisional += 0 if is_final else part

    def _of(self, currency: str, names: Names) -> Sums | None:
        """Return the sums that count something; None for what is not asked for."""
        day, query = names["day"] or "", self.query
        if day not in query.days:
            return None
        if not all(names.get(name) == wanted for name, wanted in query.only):
            return None
        group = tuple(
            [period_of(name, day) if name in PERIODS else names.get(name) for name in query.by]
        )
        key = _Key(currency, group)
        if key not in self._sums and len(self._sums) >= MAX_GROUPS:
            key = _Key(currency, self._without_names(group))
        return self._sums.setdefault(key, Sums())

    def _without_names(self, group: Group) -> Group:
        return tuple(
            value if name in PERIODS else OTHER_NAMES
            for name, value in zip(self.query.by, group, strict=True)
        )

    def rows(self, limit: int, before: "CostSheet | None" = None) -> list[CostRow]:
        """Return the rows by currency; the groups beyond the `limit` largest are one, the last.

        With a sheet of the time before, each row has its sums too.
        """
        kept = self._largest(limit, self if before is None else before)
        now = self._merged(kept)
        then = None if before is None else before._merged(kept)  # noqa: SLF001, its own class
        is_series = self.query.is_series
        rows = [
            CostRow(
                key.group,
                key.currency,
                now.get(key, Sums()),
                None if then is None else then.get(key, Sums()),
            )
            for key in now | (then or {})
        ]
        places = [place for place, name in enumerate(self.query.by) if name in PERIODS]

        def order(row: CostRow) -> tuple[object, ...]:
            period = tuple(row.group[place] or "" for place in places) if is_series else ()
            is_other = OTHER_NAMES in row.group
            return row.currency, period, is_other, -_size(row.sums), in_order(row.group)

        return sorted(rows, key=order)

    def totals(self) -> dict[str, Sums]:
        """Return the sums by currency."""
        found: defaultdict[str, Sums] = defaultdict(Sums)
        for key, sums in self._sums.items():
            found[key.currency].add(sums)
        return dict(sorted(found.items()))

    def _largest(self, limit: int, other: "CostSheet") -> set[_Key]:
        """Return the largest groups of this sheet and another, by name."""
        sizes: defaultdict[_Key, Amount] = defaultdict(int)
        for sheet in (self, other):
            for key, sums in sheet._sums.items():  # noqa: SLF001, its own class
                sizes[self._named(key)] += _size(sums)
        ranked = sorted(sizes, key=lambda key: (-sizes[key], key.currency, in_order(key.group)))
        return set(ranked[:limit])

    def _merged(self, kept: set[_Key]) -> dict[_Key, Sums]:
        """Return the sums of the groups that are kept by name; the others are without names."""
        found = dict[_Key, Sums]()
        for key, sums in self._sums.items():
            if sums.is_nothing:
                continue
            is_kept = self._named(key) in kept
            place = key if is_kept else _Key(key.currency, self._without_names(key.group))
            found.setdefault(place, Sums()).add(sums)
        return found

    def _named(self, key: _Key) -> _Key:
        """Return the key without its period."""
        names = zip(self.query.by, key.group, strict=True)
        return _Key(key.currency, tuple(value for name, value in names if name not in PERIODS))


def _size(sums: Sums) -> Amount:
    return max(abs(sums.charged), abs(sums.cost))


def _cost_by_day(allocation: Allocation) -> dict[str, Amount]:
    """Return the cost of the hours of each day."""
    found: defaultdict[str, Amount] = defaultdict(int)
    for day, part in _parts(allocation):
        found[day] += part
    return dict(found)


def _parts(allocation: Allocation) -> Iterator[tuple[str, Amount]]:
    for span in allocation.spans:
        start = span.start
        while start < span.end:
            end = min(span.end, start - start % DAY + DAY)
            yield day_at(start), span._replace(start=start, end=end).hours * span.hour_cost
            start = end
