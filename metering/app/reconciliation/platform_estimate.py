"""Compare aggregates with the platform's own estimate of their cost."""

from dataclasses import dataclass

from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import pages
from metering.app.reconciliation.reconcile import day_start
from metering.app.tenancy.tenancy import Tenancy
from metering.core.aggregates.point import SPAN
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY
from metering.core.reconciliation.own_usage import CurrencyPrices
from metering.core.reconciliation.variance import CURRENCY, Variance
from metering.ports import AggregateStore, LedgerStore


@dataclass(slots=True, kw_only=True)
class PlatformEstimate:
    """The use case behind `metering reconcile --platform-estimate`."""

    ledgers: LedgerStore
    aggregates: AggregateStore
    tenancy: Tenancy

    async def compare(self, first: str, last: str, one_by_one: OneByOne) -> Variance:
        """Return the aggregates of UTC days at list price, beside the platform's estimates.

        `one_by_one` names the ledgers that cannot be read. Estimates are kept for 45 days.
        """
        start, end = day_start(first), day_start(last) + DAY
        if end <= start:
            raise ConfigurationError(f"no day between {first} and {last}")
        await self.tenancy.refresh()
        prices = CurrencyPrices(self.tenancy.prices, CURRENCY)
        variance = Variance(prices, start, end)
        for ledger in await self.ledgers.ledgers():
            period = self.tenancy.directory.period_of(ledger)
            if period.start < end and start < period.end:
                with one_by_one.about(ledger):
                    async for page in pages(self.ledgers, ledger):
                        variance.add_page(page)
        one_by_one.must_have_some()
        async for span in self.aggregates.between(start // SPAN, end // SPAN):
            variance.add_spans([span])
        return variance
