"""Service tiers: by which price a request was served, in each provider's words."""

from collections.abc import Mapping
from typing import Final

from metering.core.usage.usage_object import ProviderUsage

#: Tiers by the providers' names for them. Any other name has no price.
_TIERS: Final = {
    "auto": "standard",
    "default": "standard",
    "scale": "standard",
    "standard": "standard",
    "fast": "priority",
    "priority": "priority",
    "batch": "batch",
    "flex": "flex",
    # Google's traffic types, and the numbers that old libraries write for two of them.
    "on_demand": "standard",
    "on_demand_priority": "priority",
    "on_demand_flex": "flex",
    "on_demand_offpeak": "off_peak",
    "provisioned_throughput": "provisioned",
    "1": "standard",
    "2": "provisioned",
}
_WITHOUT_TIER: Final = frozenset({"traffic_type_unspecified", "service_tier_unspecified", "0"})


def service_tier(name: str | None) -> str | None:
    """Return a tier by this system's name for it; an unknown one in lower case."""
    if not name:
        return None
    lowered = name.lower()
    return None if lowered in _WITHOUT_TIER else _TIERS.get(lowered, lowered)


def served_tier(usage: ProviderUsage) -> str | None:
    """Return the tier that a usage object names; None where it names none.

    Google's traffic type says more than its tier: capacity that is paid by the hour has none.
    """
    extra = usage.__pydantic_extra__ or {}
    said = (
        extra.get("trafficType"),
        extra.get("traffic_type"),
        _of_vertex(extra.get("extra_properties")),
        extra.get("serviceTier"),
        usage.service_tier,
    )
    return next((tier for tier in map(_tier, said) if tier is not None), None)


def _of_vertex(properties: object) -> object:
    """Return the traffic type where Vertex's OpenAI end point has it."""
    google = properties.get("google") if isinstance(properties, Mapping) else None
    return google.get("traffic_type") if isinstance(google, Mapping) else None


def _tier(said: object) -> str | None:
    if isinstance(said, Mapping):
        said = said.get("type")
    if isinstance(said, int) and not isinstance(said, bool):
        said = str(said)
    return service_tier(said) if isinstance(said, str) else None
