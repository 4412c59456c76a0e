"""The pricing key of a request: its own dimensions, completed from the deployments registry."""

from enum import StrEnum
from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.deployments.deployment import Deployment
from metering.core.prices.price_book import (
    DEFAULT_DEPLOYMENT_TYPE,
    DEFAULT_SERVICE_TIER,
    TOKEN,
    PriceKey,
)
from metering.core.usage.usage import Dimensions

PROVISIONED = "provisioned"


class WhyUnpriced(StrEnum):
    """The kind of reason that a request has no price. Stable."""

    ALIAS_UNRESOLVED = "alias_unresolved"
    """No response, deployment or alias says which model served it."""
    NOT_UNDERSTOOD = "not_understood"
    """It may cost something that no rule understands."""
    NO_PRICE = "no_price"
    """Its model has no price, or none in that place or for one of its buckets."""


class Registered(NamedTuple):
    """A deployment as the registry knows it, and since when."""

    deployment: Deployment
    since: Instant


class PricingKey(NamedTuple):
    """Everything that decides the price of a request apart from its counts, plan and time."""

    model: str | None
    deployment_type: str | None = None
    region: str | None = None
    service_tier: str | None = None
    provider: str | None = None
    unit: str = TOKEN
    is_spilled: bool = False
    registered: Registered | None = None
    not_understood: str | None = None
    """The field of the usage object that may cost something and has no rule."""
    is_tier_served: bool = True
    """Whether the response named the tier; else it is the deployment's property."""

    @property
    def is_provisioned(self) -> bool:
        """Say whether it took capacity that is paid by the hour; what spilled over did not."""
        on_capacity = self.deployment_type == PROVISIONED and not self.is_spilled
        return on_capacity and self.unit == TOKEN

    @property
    def hosted(self) -> str | None:
        """The key of the deployment whose hosting hours its tokens share; None without hosting."""
        found = None if self.registered is None else self.registered.deployment
        is_hosted = found is not None and found.hosting is not None and self.unit == TOKEN
        return found.key if found is not None and is_hosted else None

    @property
    def place(self) -> PriceKey:
        """The dimensions of its price in the price book."""
        type_ = self.deployment_type or DEFAULT_DEPLOYMENT_TYPE
        if type_ == PROVISIONED:
            type_ = self._spills_to
        if self.unit != TOKEN:
            # Other meters have no tiers: what a tool costs does not depend on how soon it answers.
            return PriceKey(type_, self.region, provider=self.provider, unit=self.unit)
        return PriceKey(
            type_, self.region, self.service_tier or DEFAULT_SERVICE_TIER, self.provider, self.unit
        )

    @property
    def _spills_to(self) -> str:
        """Return the deployment type whose price is charged for spilled requests.

        Azure bills it at the standard rate of the deployment that served it (spillover, 2025-10).
        """
        found = self.registered
        if found is None or found.deployment.provisioned is None:
            return DEFAULT_DEPLOYMENT_TYPE
        return found.deployment.provisioned.scope


def completed(said: PricingKey, registered: Registered | None) -> PricingKey:
    """Return a pricing key whose missing fields come from the registry."""
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
        is_tier_served=said.service_tier is not None,
    )


def priced_of(dimensions: Dimensions, registered: Registered | None) -> PricingKey:
    """Return the pricing key of a request with these dimensions."""
    said = PricingKey(
        dimensions.model,
        dimensions.deployment_type,
        dimensions.region,
        dimensions.service_tier,
        dimensions.provider,
        dimensions.unit or TOKEN,
        bool(dimensions.spillover),
        not_understood=dimensions.not_understood,
    )
    return completed(said, registered)
