"""The columns of cost exports: Azure's own (EA, MCA and pay-as-you-go spellings) and FOCUS.

Azure writes `MeterName` in one agreement and `meterName` in another; names are compared in lower
case. Sources: Cost Management's dataset schemas "cost and usage details" (EA 2024-08-01, MCA
2023-12-01-preview) and "FOCUS" (1.0, 1.2-preview).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from metering.core.basics.errors import ConfigurationError


class Shape(NamedTuple):
    """One export schema: the possible columns of each value, the preferred one first."""

    name: str
    marks: frozenset[str]
    """Columns that only this schema has."""
    required: Mapping[str, tuple[str, ...]]
    optional: Mapping[str, tuple[str, ...]]
    counts_blocks: bool
    """Whether the quantity is in units of the price, e.g. 1K tokens."""
    in_dollars: tuple[str, ...]
    """Columns with the cost in US dollars."""


FOCUS: Final = Shape(
    "FOCUS",
    frozenset({"chargeperiodstart", "billedcost"}),
    {
        "day": ("ChargePeriodStart",),
        "meter": ("x_SkuMeterName", "SkuMeter"),
        "quantity": ("ConsumedQuantity", "PricingQuantity"),
        "unit": ("x_PricingUnitDescription", "PricingUnit", "ConsumedUnit"),
        "cost": ("BilledCost",),
        "currency": ("BillingCurrency",),
        "resource": ("ResourceId",),
    },
    {
        "block": ("x_PricingBlockSize",),
        "family": ("x_SkuMeterSubcategory",),
        "product": ("x_SkuDescription", "ChargeDescription"),
        "category": ("x_SkuMeterCategory", "ServiceName"),
        "region": ("RegionId", "RegionName", "Region"),
        "publisher": ("PublisherName",),
        "publisher_type": ("x_PublisherCategory",),
        "charge": ("ChargeCategory",),
        "tags": ("Tags",),
    },
    counts_blocks=False,
    in_dollars=("x_BilledCostInUsd",),
)
ACTUAL: Final = Shape(
    "actual cost",
    frozenset({"metername", "unitofmeasure"}),
    {
        "day": ("Date", "UsageDateTime", "UsageDate"),
        "meter": ("MeterName",),
        "quantity": ("Quantity", "UsageQuantity"),
        "unit": ("UnitOfMeasure",),
        "cost": ("CostInBillingCurrency", "Cost", "PreTaxCost"),
        "currency": ("BillingCurrency", "BillingCurrencyCode", "Currency"),
        "resource": ("ResourceId", "InstanceId", "InstanceName"),
    },
    {
        "family": ("MeterSubCategory",),
        "product": ("ProductName", "Product"),
        "category": ("MeterCategory",),
        "region": ("ResourceLocation", "Location"),
        "publisher": ("PublisherName",),
        "publisher_type": ("PublisherType",),
        "charge": ("ChargeType",),
        "tags": ("Tags",),
    },
    counts_blocks=True,
    in_dollars=("CostInUsd",),
)
_SHAPES: Final = (FOCUS, ACTUAL)
_SHOWN: Final = 12


class Columns(NamedTuple):
    """The positions of values in the rows of one file."""

    shape: Shape
    at: Mapping[str, tuple[int, ...]]
    """Positions by value, the preferred one first."""
    in_dollars: tuple[int, ...]

    def get(self, row: Sequence[str], what: str) -> str:
        """Return the first value that is not empty, or an empty string."""
        places = self.at.get(what, ())
        found = (row[place].strip() for place in places if place < len(row))
        return next(filter(None, found), "")


def columns_of(path: Path, header: Sequence[str]) -> Columns:
    """Return the positions of the values under a header.

    Raises ConfigurationError naming the file, its columns and the missing ones.
    """
    places = {name.strip().lower(): place for place, name in enumerate(header)}
    shape = next((one for one in _SHAPES if one.marks <= places.keys()), None)
    if shape is None:
        likely = max(_SHAPES, key=lambda one: len(one.marks & places.keys()))
        shape = likely if likely.marks & places.keys() else ACTUAL
    at = {
        what: tuple(places[name.lower()] for name in names if name.lower() in places)
        for what, names in (*shape.required.items(), *shape.optional.items())
    }
    names = [name.strip().lower() for name in header]
    for place in (place for found in at.values() for place in found):
        if names.count(names[place]) > 1:
            raise ConfigurationError(f"{path}: the column {header[place]} is there twice")
    missing = [" or ".join(names) for what, names in shape.required.items() if not at[what]]
    if missing:
        shown = ", ".join(header[:_SHOWN]) + (", …" if len(header) > _SHOWN else "")
        raise ConfigurationError(
            f"{path}: is not a known cost export: it has the columns {shown};"
            f" {shape.name} exports also need {', '.join(missing)}"
        )
    dollars = tuple(places[name.lower()] for name in shape.in_dollars if name.lower() in places)
    return Columns(shape, at, dollars)
