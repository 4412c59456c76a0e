"""The costs report: one CSV file of what tenants are charged and what the company pays."""

from collections.abc import AsyncIterator, Mapping
from typing import Final

from metering.app.costs.costs import CostReport, Costs
from metering.app.exports.deliver_exports import LEFT_OUT, ReportFile
from metering.core.basics.columns import Column, Kind
from metering.core.basics.csv_text import Cell, Figure, figure
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.costs.query import CostQuery
from metering.core.costs.sums import CostRow, shown_share
from metering.core.exports.delivery_manifest import Window
from metering.ports import Table

COSTS: Final = "costs"
#: Groups of a file; what is beyond is one row, so that the amounts still add up.
MAX_ROWS: Final = 20_000
BY_DEFAULT: Final = ("month", "deployment", "account", "region", "product", "use_case")
_COUNTS: Final = (*("requests", "tokens", "unpriced", "missing", "uncosted", "not_billable"),)
_AMOUNTS: Final = (
    *("charged", "usage", "billed", "terms"),
    *("cost", "paid", "used", "idle", "unallocated", "provisional"),
)
_FIGURES: Final = (
    *(Column(name, Kind.COUNT) for name in _COUNTS),
    *(Column(name, Kind.DECIMAL) for name in (*_AMOUNTS, "margin")),
    Column("margin_share", Kind.DECIMAL),
)
_NOTES: Final = {
    "charged": "requests' amounts, billed hours of deployments and, of whole periods, terms of"
    " plans; before credits and adjustments",
    "cost": "list prices less discounts, and all hours of deployments",
    "margin": "charged less cost, without requests whose cost is not known (uncosted)",
}


class CostExport:
    """Implements Report."""

    def __init__(
        self, costs: Costs, query: CostQuery, window: Window, tenant: str | None = None
    ) -> None:
        self._costs = costs
        self._query = query
        self._report: CostReport | None = None
        self.window = window
        self.kind = COSTS if query.by == BY_DEFAULT else f"{COSTS}-by-{'-'.join(query.by)}"
        self.tenant = tenant

    async def files(self) -> AsyncIterator[ReportFile]:
        """Yield the file."""
        self._report = report = await self._costs.of(self._query, MAX_ROWS)
        names = (*self._query.by, "currency")
        columns = (*map(Column, names), *_FIGURES)
        name = f"{self.kind}-{self.window.file_name}"
        yield ReportFile(name, Table(columns, self._rows(report)))

    def totals(self) -> Mapping[str, Amount]:
        """Return what is charged by currency."""
        found = {} if self._report is None else self._report.totals
        return {currency: sums.charged for currency, sums in found.items()}

    def as_of(self) -> Instant | None:
        """Return nothing: the figures are those of the moment, and the same ones give one file."""
        return None

    def notes(self) -> Mapping[str, str]:
        """Explain the amounts, and name the ledgers that could not be read."""
        found = {} if self._report is None else self._report.left_out
        return {**_NOTES, **({LEFT_OUT: "; ".join(found.values())} if found else {})}

    @staticmethod
    async def _rows(report: CostReport) -> AsyncIterator[tuple[Cell, ...]]:
        for row in report.rows:
            yield _cells(row)


def _cells(row: CostRow) -> tuple[Cell, ...]:
    sums = row.sums
    share = sums.margin_share
    return (
        *row.group,
        row.currency,
        *(getattr(sums, name) for name in _COUNTS),
        *(figure(getattr(sums, name)) for name in _AMOUNTS),
        figure(sums.margin),
        None if share is None else Figure(shown_share(share)),
    )
