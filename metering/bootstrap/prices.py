"""The use cases of prices: publishing and rating again."""

from functools import cached_property

from metering.app.prices.publish_prices import PublishPrices
from metering.app.prices.rerate import PriceUnpriced, Rerate
from metering.bootstrap.base import Base


class Prices:
    """Publish prices and rate usage again."""

    def __init__(self, base: Base) -> None:
        self._base = base

    @cached_property
    def publish_prices(self) -> PublishPrices:
        """Publish versions of prices."""
        return PublishPrices(self._base.tenancy, self._base.clock)

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
        """Price what waited for a price."""
        return PriceUnpriced(
            ledgers=self._base.ledgers,
            tenancy=self._base.tenancy,
            rerate=self.rerate,
            alerts=self._base.alerts,
        )
