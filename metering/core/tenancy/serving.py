"""The Azure resource that served a request, as its event names it and as it is registered."""

from typing import Final

from metering.core.basics.instants import Instant
from metering.core.deployments.deployment import Deployment
from metering.core.deployments.served_by import ServedBy, served_by
from metering.core.prices.price_book import PriceBook
from metering.core.tenancy.directory import Directory
from metering.core.tenancy.naming import Naming
from metering.core.usage.usage import Dimensions

#: Callers choose the names of deployments; what was looked up is forgotten beyond so many.
_MAX_KEPT: Final = 10_000
_NO_PRICES: Final = PriceBook()


class Serving:
    """Finds deployment, account and SKU of requests; asks the directory once for each span."""

    def __init__(self, directory: Directory, prices: PriceBook = _NO_PRICES) -> None:
        """Without prices, names of models are compared as they are written."""
        self._directory = directory
        self._naming = Naming(directory, prices)
        self._kept: dict[tuple[str | None, ...], tuple[Deployment | None, Instant, Instant]] = {}

    def of(self, of: Dimensions, at: Instant) -> ServedBy:
        """Return what served a request at an instant."""
        name = of.deployment or of.requested_model or of.model
        return served_by(of, None if name is None else self._registered(name, of, at))

    def _registered(self, name: str, of: Dimensions, at: Instant) -> Deployment | None:
        key = name, of.requested_model, of.model, of.unit, of.backend
        kept = self._kept.get(key)
        if kept is None or not kept[1] <= at < kept[2]:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            kept = self._kept[key] = self._look(name, of, at)
        return kept[0]

    def _look(
        self, name: str, of: Dimensions, at: Instant
    ) -> tuple[Deployment | None, Instant, Instant]:
        """Return the deployment of a name, or the one that its alias leads to, and the span."""
        found, start, end = self._directory.deployment(name, of.backend, at)
        if found is not None:
            return found, start, end
        named = self._naming.of(of, at)
        known = named.registered
        by_alias = None if known is None else known.deployment
        return by_alias, max(start, named.start), min(end, named.end)
