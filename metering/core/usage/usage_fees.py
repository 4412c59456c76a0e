"""Costs beside the tokens: fees of tools by their meter, and fields that no rule understands."""

from collections.abc import Iterator, Mapping
from decimal import ROUND_CEILING, Decimal
from typing import Final

from metering.core.usage.buckets import QUANTITY_DECIMALS
from metering.core.usage.usage_details import Reported, unknown_field
from metering.core.usage.usage_object import MAX_QUANTITY, ProviderUsage

#: The counts of requests without tokens: the field, the meter of a fee beside tokens, the
#: unit of its price, and how many of the field's make a unit.
COUNTED_ALONE: Final = (
    ("seconds", "audio_seconds", "second", 1),
    ("characters", "characters", "million characters", 1_000_000),
    ("images", "images", "image", 1),
    ("search_units", "search_units", "search", 1),
    ("pages_processed", "pages", "page", 1),
)
UNITS: Final = {
    **{meter: (unit, size) for _, meter, unit, size in COUNTED_ALONE},
    "classifications": ("classification", 1),
    "citation_tokens": ("million citation tokens", 1_000_000),
    "search_queries": ("query", 1),
    "search_requests": ("request", 1),
    "web_search_requests": ("request", 1),
}
"""By meter: the unit of its price, and how many of the count make a unit."""

#: By unit of a request without tokens: the name of the count, and how many of it make a unit.
WITHOUT_TOKENS: Final = {
    unit: (meter, size) for meter, (unit, size) in UNITS.items() if unit not in {"request", "query"}
}

UNIT_OF_METER: Final = {meter: unit for meter, (unit, _) in UNITS.items()}
"""The unit of each meter that a usage object may count beside its tokens."""

#: Fees for tools that a provider runs (Anthropic's pricing, 2026-11): by field, the meter.
_TOOL_METERS: Final = {"web_search_requests": "web_search_requests"}
#: Fetching a page costs nothing beyond its tokens (the same page).
_FREE_TOOLS: Final = frozenset({"web_fetch_requests", "tool_calls_requested"})
#: Values of fields that change the price, and that mean the list price.
_ORDINARY: Final[Mapping[str, frozenset[str]]] = {
    "speed": frozenset({"standard", "normal", ""}),
    "inference_geo": frozenset({"global", "not_available", ""}),
}
_SCALE: Final = 10**QUANTITY_DECIMALS


def millionths(value: float, size: int = 1) -> int:
    """Return a quantity in 10^-6 of its unit; a part of a millionth counts as one."""
    return int((Decimal(str(value)) * _SCALE / size).to_integral_value(ROUND_CEILING))


def beside(usage: ProviderUsage) -> tuple[tuple[tuple[str, int], ...], str | None]:
    """Return the counts of tools by meter, and the first field that no rule understands."""
    meters = list(_perplexity(usage))
    unknown = next(_unknown_fields(usage), None)
    for field in ("server_tool_use", "server_tool_use_details"):
        for name, value in (getattr(usage, field) or {}).items():
            if name in _FREE_TOOLS or not value:
                continue
            if name in _TOOL_METERS and type(value) is int and 0 < value <= MAX_QUANTITY:
                meters.append((_TOOL_METERS[name], value * _SCALE))
            else:
                unknown = unknown or f"{field}.{name}"
    for field, ordinary in _ORDINARY.items():
        value = getattr(usage, field)
        if value is not None and str(value).lower() not in ordinary:
            unknown = unknown or field
    return tuple(meters), unknown


def _perplexity(usage: ProviderUsage) -> Iterator[tuple[str, int]]:
    """Yield Perplexity's fees: of citations and searches, or of a request.

    A request's fee depends on its model and the size of its context; deep research has none.
    """
    if usage.citation_tokens:
        yield "citation_tokens", millionths(usage.citation_tokens, UNITS["citation_tokens"][1])
    cost = (usage.__pydantic_extra__ or {}).get("cost")
    by_request = isinstance(cost, Mapping) and bool(cost.get("request_cost"))
    if usage.num_search_queries and not by_request:
        yield "search_queries", millionths(usage.num_search_queries)
    elif usage.search_context_size or by_request:
        yield "search_requests", millionths(1)


_DETAILS: Final = tuple(name for name in ProviderUsage.model_fields if name.endswith("_details"))


def _unknown_fields(usage: ProviderUsage) -> Iterator[str]:
    for place, part in _parts(usage):
        found = unknown_field(place, part)
        if found is not None:
            yield found
    if usage.num_sources_used:
        yield "num_sources_used"


def _parts(usage: ProviderUsage) -> Iterator[tuple[str, Reported]]:
    """Yield a usage object and the objects in it, with their places."""
    yield "", usage
    for name in _DETAILS:
        details = getattr(usage, name)
        if isinstance(details, Reported):
            yield name, details
            for field in ("cached_tokens_details", "cache_write_tokens_details", "cache_creation"):
                split = getattr(details, field, None)
                if split is not None:
                    yield f"{name}.{field}", split
    for detail in usage.x_details or ():
        yield "x_details", detail
    if usage.cache_creation is not None:
        yield "cache_creation", usage.cache_creation
