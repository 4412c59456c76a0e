"""Billed usage: the rows of an export, summed by day, account, deployment, model and meter."""

from collections import defaultdict
from typing import Final

from metering.core.basics.errors import ConfigurationError
from metering.core.prices.price_book import PriceRow
from metering.core.reconciliation.agreed import Share
from metering.core.reconciliation.cost_row import CostRow, Exact, Sort, Written, tokens_of
from metering.core.reconciliation.explain import BilledSide, Precision
from metering.core.reconciliation.own_usage import MAX_CELLS, Place

#: Meter names that a cell remembers for display.
_MAX_METERS: Final = 8

type OtherKey = tuple[Sort, str, str | None, str]
"""Sort, day, account, and the name of the meter."""


class BilledUsage:
    """Sums the rows of an export; no row is left out."""

    def __init__(self) -> None:
        self.cells: defaultdict[Place, dict[str, BilledSide]] = defaultdict(dict)
        """By place and meter: a bucket, or several joined by a plus."""
        self.others: dict[OtherKey, BilledSide] = {}
        """Usage that is not counted in known token meters."""
        self.other_services = BilledSide()
        self.precision = Precision()
        self.metered: defaultdict[str, set[str]] = defaultdict(set)
        """The meters of each model."""
        self.accounts: set[str] = set()
        self._named: dict[str | None, bool] = {}
        self._count = 0

    def add(self, row: CostRow, model: str, listed: PriceRow | None, share: Share = 0) -> None:
        """Add a row with its discount; under the name `model` the ledgers' usage is compared."""
        if row.sort == "other":
            _add(self.other_services, row, 0)
            return
        if row.account is not None:
            self.accounts.add(row.account)
        if row.meter is None:
            cell = self._other((row.sort, row.day, row.account, row.name))
            _add(cell, row, 0)
            cell.discounted += 0 if row.is_credit else row.cost.value * share
            self._refine(row.cost, None)
            return
        metered = "+".join(row.meter.buckets)
        self.metered[model].add(metered)
        named = row.deployment is not None
        self._named[row.account] = self._named.get(row.account, True) and named
        place = Place(row.day, row.account, row.deployment, model)
        tokens = tokens_of(row, listed)
        _add(self._cell(place, metered), row, tokens)
        self._cell(place, metered).discounted += 0 if row.is_credit else tokens * share
        self._refine(row.cost, row.quantity)

    def names_deployments(self, account: str | None) -> bool:
        """Say whether every row of an account's tokens names its deployment."""
        return self._named.get(account, False)

    def _refine(self, cost: Written, quantity: Written | None) -> None:
        finest = self.precision
        last = finest.quantity if quantity is None else min(finest.quantity, quantity.last)
        self.precision = Precision(last, min(finest.cost, cost.last))

    def _cell(self, place: Place, metered: str) -> BilledSide:
        cells = self.cells[place]
        if metered not in cells:
            self._take_room()
            cells[metered] = BilledSide()
        return cells[metered]

    def _other(self, key: OtherKey) -> BilledSide:
        if key not in self.others:
            self._take_room()
            self.others[key] = BilledSide()
        return self.others[key]

    def _take_room(self) -> None:
        self._count += 1
        if self._count > MAX_CELLS:
            raise ConfigurationError(
                f"more than {MAX_CELLS:,} lines to compare: take fewer days (--from, --to)"
            )


def _add(cell: BilledSide, row: CostRow, tokens: Exact) -> None:
    cell.rows += 1
    cell.blocks += row.block
    if len(cell.meters) < _MAX_METERS:
        cell.meters.add(row.name)
    if row.is_credit:
        cell.credit_tokens += tokens
        cell.credit += row.cost.value
    else:
        cell.tokens += tokens
        cell.cost += row.cost.value
