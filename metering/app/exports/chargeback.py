"""The chargeback report: one CSV file of sums over pages."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, NamedTuple

from metering.app.exports.deliver_exports import (
    Progress,
    ReportFile,
    left_out,
    no_progress,
)
from metering.app.exports.export_selection import ledgers_in
from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import head_of, pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.csv_text import Cell
from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.costs.own_costs import OwnCosts
from metering.core.exports.chargeback import MAX_ROWS, By, Chargeback, Span
from metering.core.exports.delivery_manifest import PROVISIONAL, Window
from metering.core.ledger.entry import State
from metering.core.prices.rating import OTHER_NAMES
from metering.core.tenancy.serving import Serving
from metering.ports import LedgerStore, Table

CHARGEBACK: Final = "chargeback"
_NOTES: Final = {
    "cost": "what the calls cost the company: list prices less its discounts, without the hours of"
    " deployments; not in reports of one tenant",
    "amount": "the sum of the calls' own amounts, before allowances, tiers, fees, minimum,"
    " provisioned shares and credits; a statement's total is another figure",
    "unpriced_calls": "calls whose price is not known: not in the amount",
    "missing_calls": "calls whose counts are not known: not in the amount",
}
_OPEN: Final = "the period or span is not over: usage is still to come"
_OTHERS: Final = (
    f"there are more than {MAX_ROWS:,} rows: further names are summed as {OTHER_NAMES}; deliver"
    " tenants one by one, or shorter spans"
)


class Scope(NamedTuple):
    """The selection and grouping of a chargeback report."""

    window: Window
    tenant: str | None = None
    by: By = "product"
    by_arrival: bool = False
    """Whether late usage counts in the window in which it arrived, as rows of its own day."""

    @property
    def span(self) -> Span | None:
        """The part of the usage that counts; None for all usage of the periods."""
        return self.window.span and Span(*self.window.span, self.by_arrival)


class ChargebackReport:
    """Implements Report. Reads pages, since only they have regions, backends and times."""

    def __init__(
        self,
        ledgers: LedgerStore,
        tenancy: Tenancy,
        scope: Scope,
        progress: Progress = no_progress,
    ) -> None:
        self._one_by_one = OneByOne()
        self._scope = scope
        self._ledgers = ledgers
        self._tenancy = tenancy
        self._serving = Serving(tenancy.directory, tenancy.prices)
        self._own: OwnCosts | None = None
        self.tenant = scope.tenant
        self._sums = self._no_sums()
        self._progress = progress
        self._is_open = False
        self.kind = CHARGEBACK if scope.by == "product" else f"{CHARGEBACK}-by-{scope.by}"
        self.window = scope.window

    async def files(self) -> AsyncIterator[ReportFile]:
        """Yield the file. Raises ConfigurationError for a wrong window before the file begins."""
        found = await self._chosen()
        name = f"{self.kind}-{self.window.file_name}"
        yield ReportFile(name, Table(self._sums.columns, self._rows(found)))

    async def _chosen(self) -> list[LedgerId]:
        """Return the ledgers that may have usage that counts: late usage in any that has begun."""
        span = self._scope.span
        if span is None or not span.by_arrival:
            found = await ledgers_in(self._ledgers, self._tenancy, self.window, self.tenant)
            ends = [self._tenancy.directory.period_of(ledger).end for ledger in found]
            end = max(ends, default=0) if span is None else span.end
            self._is_open = end > self._tenancy.clock.now()
            return found
        await self._tenancy.refresh()
        return [one for one in await self._ledgers.ledgers(self.tenant) if one.start < span.end]

    def totals(self) -> Mapping[str, Amount]:
        """Return the sum of all amounts by currency."""
        return self._sums.totals()

    def as_of(self) -> Instant | None:
        """Return the commit time of the last page that counted."""
        return self._sums.as_of

    def notes(self) -> Mapping[str, str]:
        """Explain the amounts, and name the ledgers that could not be read."""
        others = {"other_names": _OTHERS} if self._sums.has_other_names else {}
        still = {PROVISIONAL: _OPEN} if self._is_open else {}
        return {**_NOTES, **others, **still, **left_out(self._one_by_one)}

    def _no_sums(self) -> Chargeback:
        # What is made for one tenant may be handed to it: it does not say what the company pays.
        cost_of = self._cost_of if self.tenant is None else None
        return Chargeback(self._scope.by, self._scope.span, self._serving.of, cost_of)

    def _cost_of(self, state: State, time: Instant) -> Amount | None:
        if self._own is None:
            self._own = OwnCosts(self._tenancy.prices, self._tenancy.directory)
        return self._own.of_state(state, time)

    async def _rows(self, ledgers: Sequence[LedgerId]) -> AsyncIterator[tuple[Cell, ...]]:
        for ledger in ledgers:
            with self._one_by_one.about(ledger):
                self._sums.absorb(await self._sums_of(ledger))
        self._one_by_one.must_have_some()
        for row in self._sums.rows():
            yield row

    async def _sums_of(self, ledger: LedgerId) -> Chargeback:
        """Return the sums of one ledger; what a broken one gave before its fault is dropped."""
        span = self._scope.span
        sums = self._no_sums()
        if span is not None and span.by_arrival:
            head = await head_of(self._ledgers, ledger)
            if head is None or not span.may_count(head.committed):
                return sums
        currency = self._tenancy.directory.plan_for(ledger).currency
        async for page in pages(self._ledgers, ledger):
            if span is not None and span.is_over(page.committed):
                break
            sums.add(page, currency)
            self._progress(1)
            # Let ingestion in this process take its turn.
            await asyncio.sleep(0)
        return sums
