"""Compare the cloud provider's bill with the ledgers."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, Instant, parse_instant, to_datetime
from metering.core.basics.money import AMOUNTS_PER_PRICE, Amount
from metering.core.deployments.deployment import Deployment
from metering.core.prices.price_book import PriceKey, PriceRow
from metering.core.reconciliation.agreed import WHOLE, Agreed, Share
from metering.core.reconciliation.billed_usage import BilledUsage
from metering.core.reconciliation.cost_row import CostRow
from metering.core.reconciliation.own_usage import EDGE, CurrencyPrices, OwnUsage
from metering.core.reconciliation.report import Report, report
from metering.core.tenancy.serving import Serving
from metering.ports import LedgerStore


class Asked(NamedTuple):
    """The selection to compare."""

    first: str | None = None
    """A day like 2026-11-20; None for the first day of the export."""
    last: str | None = None
    currency: str = "USD"
    together: bool = False
    """Compare all accounts as one, for gateways whose backends are pools."""
    agreed: Agreed = Agreed()
    """The provider's discounts off its list prices."""


@dataclass(slots=True)
class Reconcile:
    """The use case behind `metering reconcile --actual`."""

    ledgers: LedgerStore
    tenancy: Tenancy

    async def costs(
        self, source: str, rows: Iterable[CostRow], asked: Asked, one_by_one: OneByOne
    ) -> Report:
        """Return the rows of an export beside the ledgers of its days, with every difference.

        The rows are read once and not kept. `one_by_one` names the ledgers that cannot be read,
        whose usage is missing on our side. Raises if none of them can, and ConfigurationError if
        the export has no rows on these days or more to compare than fits into memory.
        """
        await self.tenancy.refresh()
        prices = CurrencyPrices(self.tenancy.prices, asked.currency)
        billed, days, categories = BilledUsage(), set[str](), set[str]()
        for row in rows:
            if row.sort != "other":
                categories.add(row.category)
            if (asked.first or row.day) <= row.day <= (asked.last or row.day):
                name, listed = self._listed(prices, row)
                billed.add(row, name, listed, self._share(asked.agreed, row, listed))
                days |= {row.day} if row.sort != "other" else set()
        asked.agreed.must_be_of(source, categories)
        first, last = self._span(source, asked, days)
        start, end = day_start(first), day_start(last) + DAY
        own = await self._own(prices, start, end, one_by_one)
        provisioned = self._provisioned(start, end, asked.currency)
        return report(
            billed,
            own,
            provisioned,
            first=first,
            last=last,
            together=asked.together,
            currency=asked.currency,
        )

    @staticmethod
    def _span(source: str, asked: Asked, days: set[str]) -> tuple[str, str]:
        first, last = asked.first or min(days, default=""), asked.last or max(days, default="")
        if not first or not last:
            raise ConfigurationError(f"{source}: no row of an AI service on these days")
        if first > last:
            raise ConfigurationError(f"{source}: no day between {first} and {last}")
        return first, last

    @staticmethod
    def _listed(prices: CurrencyPrices, row: CostRow) -> tuple[str, PriceRow | None]:
        """Return the name under which a row's model is compared, and its price row."""
        meter = row.meter
        if meter is None:
            return "", None
        place = PriceKey(
            meter.deployment_type, row.region, meter.service_tier, currency=prices.currency
        )
        at = day_start(row.day) + DAY - 1
        found = prices.book.find(meter.model, at, place, long_context=meter.long_context)
        return prices.name(meter.model), found

    def _share(self, agreed: Agreed, row: CostRow, listed: PriceRow | None) -> Share:
        """Return the discount on a row: as asked, or else as the records had it on its day."""
        asked = agreed.share_of(row)
        if asked is not None or listed is None:
            return asked or 0
        found = self.tenancy.directory.discounts.for_row(listed, day_start(row.day))
        return 0 if found is None else WHOLE - found.rest

    async def _own(
        self, prices: CurrencyPrices, start: Instant, end: Instant, one_by_one: OneByOne
    ) -> OwnUsage:
        directory = self.tenancy.directory
        served = Serving(directory).of
        own = OwnUsage(prices, served, start=start, end=end)
        for ledger in await self.ledgers.ledgers():
            period = directory.period_of(ledger)
            if period.start < end and start - EDGE < period.end:
                with one_by_one.about(ledger):
                    of = OwnUsage(prices, served, start=start, end=end)
                    async for page in pages(self.ledgers, ledger):
                        of.add(page)
                    own.include(of)
        one_by_one.must_have_some()
        return own

    def _provisioned(
        self, start: Instant, end: Instant, currency: str
    ) -> dict[tuple[str, str | None], Amount]:
        """Return the cost of provisioned units by day and account, summed over hours."""
        costs: defaultdict[tuple[str, str | None], Amount] = defaultdict(int)
        for hour in range(start, end, HOUR):
            day = to_datetime(hour).date().isoformat()
            for one in self.tenancy.directory.deployments(hour):
                units = one.provisioned
                if units is not None and units.currency == currency:
                    cost = units.units * units.hourly_units * AMOUNTS_PER_PRICE
                    costs[day, _account(one)] += cost
        return costs


def _account(deployment: Deployment | None) -> str | None:
    return None if deployment is None or deployment.account is None else deployment.account.lower()


def day_start(day: str) -> Instant:
    """Return the first instant of a day like 2026-11-20 in UTC. Raises ValueError otherwise."""
    if date.fromisoformat(day).isoformat() != day:
        raise ValueError(f"{day!r} is not a day like 2026-11-20")
    return parse_instant(f"{day}T00:00:00Z")
