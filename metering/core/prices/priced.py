"""What decides the price of a request: its own dimensions, completed from the registry."""

from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.deployments.deployment import Deployment
from metering.core.prices.price_book import (
    DEFAULT_DEPLOYMENT_TYPE,
    DEFAULT_SERVICE_TIER,
    NO_DEPLOYMENT,
    TOKEN,
    Place,
)
from metering.core.usage.usage import Dimensions

PROVISIONED = "provisioned"


class Registered(NamedTuple):
    """What the registry says of a deployment, and since when."""

    deployment: Deployment
    since: Instant


class Priced(NamedTuple):
    """What decides the price of a request apart from its counts, plan and time."""

    model: str | None
    deployment_type: str | None = None
    region: str | None = None
    service_tier: str | None = None
    provider: str | None = None
    unit: str = TOKEN
    is_spilled: bool = False
    registered: Registered | None = None

    @property
    def is_provisioned(self) -> bool:
        """Say whether it took capacity that is paid by the hour; what spilled over did not."""
        return self.deployment_type == PROVISIONED and not self.is_spilled

    @property
    def place(self) -> Place:
        """Where in the price book its price stands."""
        if self.unit != TOKEN:
            return Place(NO_DEPLOYMENT, self.region, provider=self.provider, unit=self.unit)
        type_ = self.deployment_type or DEFAULT_DEPLOYMENT_TYPE
        if type_ == PROVISIONED:
            type_ = self._spills_to
        return Place(
            type_, self.region, self.service_tier or DEFAULT_SERVICE_TIER, self.provider, self.unit
        )

    @property
    def _spills_to(self) -> str:
        """Return the deployment type whose price is paid for what provisioned capacity let spill.

        Azure bills it at the standard rate of the deployment that served it (spillover, 2025-10).
        """
        found = self.registered
        if found is None or found.deployment.provisioned is None:
            return DEFAULT_DEPLOYMENT_TYPE
        return found.deployment.provisioned.scope


def completed(said: Priced, registered: Registered | None) -> Priced:
    """Return what prices a request: its own fields, then what the registry knows of its place."""
    if registered is None:
        return said
    known = registered.deployment
    return said._replace(
        model=said.model or known.model,
        deployment_type=said.deployment_type or known.deployment_type,
        region=said.region or known.region,
        service_tier=said.service_tier or known.service_tier,
        provider=said.provider or known.provider,
        registered=registered,
    )


def priced_of(
    dimensions: Dimensions, registered: Registered | None, *, by_request: bool = False
) -> Priced:
    """Return what prices a request with these dimensions.

    `by_request`: for an estimate, the model asked for stands in for the one that serves.
    """
    model = dimensions.model
    if model is None and by_request and registered is None:
        model = dimensions.requested_model
    said = Priced(
        model,
        dimensions.deployment_type,
        dimensions.region,
        dimensions.service_tier,
        dimensions.provider,
        dimensions.unit or TOKEN,
        bool(dimensions.spillover),
    )
    return completed(said, registered)
