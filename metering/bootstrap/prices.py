"""The use cases of prices: publishing, proposing, explaining and rating again."""

import asyncio
from functools import cached_property

from metering.app.prices.explain_unpriced import ExplainUnpriced
from metering.app.prices.propose_prices import ProposePrices
from metering.app.prices.publish_prices import PublishPrices
from metering.app.prices.rerate import PriceUnpriced, Rerate
from metering.bootstrap.base import Base
from metering.core.basics.instants import to_datetime
from metering.core.prices.price_book import PriceBook


class Prices:
    """Publish prices and rate usage again."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def publish_prices(self) -> PublishPrices:
        """Publish versions of prices."""
        return PublishPrices(self._base.tenancy, self._base.clock)

    @cached_property
    def propose_prices(self) -> ProposePrices:
        """Propose fresh prices from Azure's feed."""
        return ProposePrices(
            tenancy=self._base.tenancy,
            store=self._base.stores.prices,
            publisher=self.publish_prices,
            differences=self._differences,
            clock=self._base.clock,
            alerts=self._base.alerts,
        )

    async def _differences(self, book: PriceBook) -> bytes | None:
        """Return the rows of Azure's feed that differ from a book."""
        from metering.adapters.prices.azure_retail import live_azure_prices
        from metering.adapters.prices.price_import import differing_rows

        today = to_datetime(self._base.clock.now()).date().isoformat()
        # The feed is read page by page over a blocking connection.
        found = await asyncio.to_thread(live_azure_prices, today)
        return differing_rows(found, book)

    @cached_property
    def explain_unpriced(self) -> ExplainUnpriced:
        """Explain the requests that have no price."""
        return ExplainUnpriced(self._base.ledgers, self._base.tenancy, self._base.clock)

    @cached_property
    def rerate(self) -> Rerate:
        """Rate usage again whose price was missing or has been superseded."""
        return Rerate(
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            committer=self._base.committer,
            clock=self._base.clock,
        )

    @cached_property
    def price_unpriced(self) -> PriceUnpriced:
        """Price unpriced entries."""
        return PriceUnpriced(
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            rerate=self.rerate,
            alerts=self._base.alerts,
        )
