"""Deployment, account and SKU behind a request, in Azure's words."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from metering.core.deployments.deployment import Deployment
from metering.core.deployments.resource_names import account_name
from metering.core.usage.usage import Dimensions

_BATCH: Final = "batch"
_PROVISIONED: Final = "provisioned"
#: By deployment type: the SKU, and that of batches. Source: "Azure OpenAI deployment types", SKU
#: name in code (Microsoft Learn, 2025). There is no regional batch.
_SKUS: Final[Mapping[str, tuple[str, str]]] = {
    "global": ("GlobalStandard", "GlobalBatch"),
    "data_zone": ("DataZoneStandard", "DataZoneBatch"),
    "regional": ("Standard", "Standard"),
}
_PROVISIONED_SKUS: Final[Mapping[str, str]] = {
    "global": "GlobalProvisionedManaged",
    "data_zone": "DataZoneProvisionedManaged",
    "regional": "ProvisionedManaged",
}


class ServedBy(NamedTuple):
    """The Azure resource behind a request; None for what is not known."""

    deployment: str | None = None
    """In the registry's spelling; else in lower case, as Azure's names are case-insensitive."""
    account: str | None = None
    """The Azure OpenAI or Foundry resource, in lower case."""
    sku: str | None = None
    """The SKU that bills it, such as `GlobalStandard`."""


def served_by(of: Dimensions, known: Deployment | None) -> ServedBy:
    """Return what served a request; `known` is its registered deployment."""
    if known is not None:
        name: str | None = known.name
    else:
        name = None if of.deployment is None else of.deployment.lower()
    account = None if of.backend is None else account_name(of.backend)
    if account is None and known is not None and known.account is not None:
        account = known.account.lower()
    return ServedBy(name, account, _sku(of, known))


def _sku(of: Dimensions, known: Deployment | None) -> str | None:
    """Return the SKU; what spilled over is billed by the standard one of the units' scope."""
    registered = None if known is None else known.deployment_type
    kind: str | None = of.deployment_type or registered
    if kind == _PROVISIONED:
        units = None if known is None else known.provisioned
        if units is None:
            return None
        if not of.spillover:
            return _PROVISIONED_SKUS[units.scope]
        kind = units.scope
    tier = of.service_tier or (None if known is None else known.service_tier)
    skus = _SKUS.get(kind or "")
    return None if skus is None else skus[tier == _BATCH]
