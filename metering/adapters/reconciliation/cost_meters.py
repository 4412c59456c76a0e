"""The service and the meter that a row of an export is about. Pure."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

from metering.adapters.prices.azure_meters import PER_MILLION, read_meter
from metering.adapters.prices.azure_models import MODELS
from metering.core.prices.price_book import TOKEN
from metering.core.reconciliation.cost_row import Sort, TokenMeter


class Described(NamedTuple):
    """The columns of a row that describe its meter."""

    meter: str
    family: str
    """The meter's subcategory, which the price feed calls the product."""
    product: str
    category: str
    unit: str
    block: str = ""
    publisher: str = ""
    publisher_type: str = ""
    resource: str = ""


#: The fields in which Azure may write a placeholder for "empty".
DESCRIBED: Final = Described._fields[:-1]


#: Tokens in one unit of the price.
_BLOCKS: Final = {unit: 1_000_000 // int(per_million) for unit, per_million in PER_MILLION.items()}
_OF_BLOCK: Final = {str(tokens): unit for unit, tokens in _BLOCKS.items()}
#: "1K", "1K Tokens", "1000", "1,000 Tokens", "1M".
_UNIT: Final = re.compile(r"(1\s*[km]|1,?000(?:,?000)?)\b.*", re.IGNORECASE)

_PRODUCTS: Final = tuple(product for product, _ in MODELS)
#: More than the number of meters that Azure has for models.
_MAX_REMEMBERED: Final = 8_192

_AI_RESOURCE: Final = "/microsoft.cognitiveservices/"
_AI_CATEGORIES: Final = frozenset(
    {
        "azure ai foundry models",
        "azure ai services",
        "azure openai",
        "azure openai service",
        "cognitive services",
        "foundry models",
        "foundry tools",
    }
)
_MARKETPLACE: Final = frozenset({"marketplace", "vendor"})
_SOLD_THERE: Final = ("anthropic", "claude")
_PROVISIONED: Final = re.compile(r"provisioned (?:managed|throughput)", re.IGNORECASE)


def described(said: Described) -> tuple[Sort, TokenMeter | None, int]:
    """Return the kind of a row, its token meter, and the tokens in one unit of its price."""
    names = f"{said.publisher} {said.product} {said.family} {said.meter}".lower()
    by_others = said.publisher_type.lower() in _MARKETPLACE
    if any(name in names for name in _SOLD_THERE):
        return "marketplace", None, 1
    if by_others or not _is_ai(said):
        return "other", None, 1
    unit = _unit(said)
    meter = _token_meter(said.family, said.product, said.meter, unit)
    if meter is not None:
        return "tokens", meter, _BLOCKS[unit]
    if _PROVISIONED.search(said.meter) or _PROVISIONED.search(said.product):
        return "provisioned", None, 1
    return "unmapped", None, 1


@lru_cache(maxsize=_MAX_REMEMBERED)
def _token_meter(family: str, product: str, name: str, unit: str) -> TokenMeter | None:
    """Return the token meter, or None unless it counts one kind of token of one model.

    A row without a product may belong to any; it counts if exactly one product has such a meter.
    """
    said = [text for text in (family, product) if text.startswith(_PRODUCTS)]
    read = (read_meter(one, name, unit) for one in said or _PRODUCTS)
    found = {meter for meter in read if not isinstance(meter, str) and meter.unit == TOKEN}
    if len(found) != 1:
        return None
    (meter,) = found
    return TokenMeter(
        meter.model.name,
        meter.deployment_type,
        meter.service_tier,
        meter.long_context,
        meter.buckets,
    )


def _is_ai(said: Described) -> bool:
    return (
        _AI_RESOURCE in said.resource.lower()
        or said.category.lower() in _AI_CATEGORIES
        or said.family.startswith(_PRODUCTS)
    )


def _unit(said: Described) -> str:
    """Return the unit of the price in the price feed's spelling, or unchanged if unknown."""
    block = said.block.partition(".")[0]
    if block in _OF_BLOCK:
        return _OF_BLOCK[block]
    found = _UNIT.fullmatch(said.unit.strip())
    if found is None:
        return said.unit
    number = found[1].replace(",", "").replace(" ", "").upper()
    return _OF_BLOCK.get(number, number)
