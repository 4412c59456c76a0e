"""The Azure resource that served a request, as its event names it and as it is registered."""

from typing import Final

from metering.core.basics.instants import Instant
from metering.core.deployments.deployment import Deployment
from metering.core.deployments.served_by import ServedBy, served_by
from metering.core.tenancy.directory import Directory
from metering.core.usage.usage import Dimensions

#: Callers choose the names of deployments; what was looked up is forgotten beyond so many.
_MAX_KEPT: Final = 10_000


class Serving:
    """Finds deployment, account and SKU of requests; asks the directory once for each span."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._kept: dict[tuple[str, str | None], tuple[Deployment | None, Instant, Instant]] = {}

    def of(self, of: Dimensions, at: Instant) -> ServedBy:
        """Return what served a request at an instant."""
        name = of.deployment or of.requested_model
        return served_by(of, None if name is None else self._registered(name, of.backend, at))

    def _registered(self, name: str, backend: str | None, at: Instant) -> Deployment | None:
        kept = self._kept.get((name, backend))
        if kept is None or not kept[1] <= at < kept[2]:
            if len(self._kept) >= _MAX_KEPT:
                self._kept.clear()
            kept = self._directory.deployment(name, backend, at)
            self._kept[name, backend] = kept
        return kept[0]
