"""Import of deployments from Azure. Unknown properties are reported, never guessed."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.validation import validated
from metering.core.deployments.deployment import (
    Deployment,
    DeploymentType,
    Provisioned,
    Scope,
    ServiceTier,
)


class FoundDeployment(NamedTuple):
    """A deployment as Azure lists it."""

    account: str
    name: str
    model: str | None
    model_version: str | None
    provider: str | None
    region: str | None
    sku: str | None
    """The SKU name, e.g. `GlobalStandard`."""
    capacity: int | None
    """Provisioned units; for other SKUs a rate limit."""

    @property
    def key(self) -> str:
        """The key of its record."""
        return f"{self.account}/{self.name}"


class HourlyPrices(NamedTuple):
    """The hourly price of a provisioned unit by scope, as quoted decimal strings."""

    by_scope: Mapping[Scope, str]
    currency: str = "USD"


class LeftOut(NamedTuple):
    """A deployment that cannot be recorded, with the reason."""

    reason: str


#: Source: "Azure OpenAI deployment types", SKU name in code (Microsoft Learn, 2025).
_SOLD_AS: Final[Mapping[str, tuple[DeploymentType, ServiceTier | None]]] = {
    # A pay-as-you-go deployment serves any tier; the event names the tier of its request.
    "standard": ("regional", None),
    "datazonestandard": ("data_zone", None),
    "globalstandard": ("global", None),
    "datazonebatch": ("data_zone", "batch"),
    "globalbatch": ("global", "batch"),
}
_PROVISIONED: Final[Mapping[str, Scope]] = {
    "provisionedmanaged": "regional",
    "datazoneprovisionedmanaged": "data_zone",
    "globalprovisionedmanaged": "global",
}


def read_found(
    found: FoundDeployment, prices: HourlyPrices, known: Deployment | None
) -> Deployment | LeftOut:
    """Return the deployment to record, or the reason why it cannot be recorded.

    `known` is the recorded version. Properties that Azure does not list (price, weights, idle
    hours, hosting) are taken from it; a price given for the scope takes precedence.
    """
    sku = (found.sku or "").casefold()
    if not found.model:
        return LeftOut("Azure names no model")
    deployment_type: DeploymentType
    if sku in _SOLD_AS:
        deployment_type, tier = _SOLD_AS[sku]
        made = _made(found, deployment_type, tier, None)
        if known is None or known.hosting is None or isinstance(made, LeftOut):
            return made
        return made.model_copy(update={"hosting": known.hosting})
    if sku not in _PROVISIONED:
        return LeftOut(f"it is sold as {found.sku or 'an unnamed SKU'}, an unknown SKU")
    units = _units(found, prices, known)
    return units if isinstance(units, LeftOut) else _made(found, "provisioned", None, units)


def _units(
    found: FoundDeployment, prices: HourlyPrices, known: Deployment | None
) -> dict[str, object] | LeftOut:
    scope = _PROVISIONED[(found.sku or "").casefold()]
    if not found.capacity:
        return LeftOut("Azure names no units")
    before = known.provisioned if known is not None else None
    weights = before.weights if before is not None else {}
    idle = before.idle if before is not None else "unallocated"
    price, currency = prices.by_scope.get(scope), prices.currency
    if price is None and before is not None and before.scope == scope:
        price, currency = before.hourly_price, before.currency
    if price is None:
        return LeftOut(f"no price: give --hourly-price {scope}=PRICE")
    return {
        "units": found.capacity,
        "hourly_price": price,
        "currency": currency,
        "scope": scope,
        "weights": weights,
        "idle": idle,
    }


def _made(
    found: FoundDeployment,
    deployment_type: DeploymentType,
    tier: ServiceTier | None,
    provisioned: dict[str, object] | None,
) -> Deployment | LeftOut:
    content = {
        "name": found.name,
        "account": found.account,
        "model": found.model,
        "model_version": found.model_version or None,
        "provider": found.provider.lower() if found.provider else None,
        "deployment_type": deployment_type,
        "region": found.region or None,
        "service_tier": tier,
        "provisioned": provisioned,
    }
    try:
        return validated(Deployment, found.key, content)
    except ConfigurationError as error:
        return LeftOut(str(error))


def read_hourly_prices(texts: list[str], currency: str) -> HourlyPrices:
    """Return prices written like `global=1.00`; ConfigurationError names a wrong one."""
    by_scope: dict[Scope, str] = {}
    for text in texts:
        scope, _, price = text.partition("=")
        content = {"units": 1, "hourly_price": price, "currency": currency, "scope": scope}
        read = validated(Provisioned, f"hourly price {text!r}", content)
        if read.scope in by_scope:
            raise ConfigurationError(f"hourly price {text!r}: {scope} has one already")
        by_scope[read.scope] = read.hourly_price
    return HourlyPrices(by_scope, currency)
