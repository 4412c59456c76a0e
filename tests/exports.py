"""Cost Management exports as Azure writes them, made by hand and gathered where tests need them."""

import csv
import gzip
from collections.abc import Sequence
from pathlib import Path

RESOURCE = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts"

#: The spelling of an Enterprise Agreement; only the columns that matter.
EA = (
    "Date",
    "ResourceId",
    "MeterCategory",
    "MeterSubCategory",
    "MeterName",
    "Quantity",
    "UnitOfMeasure",
    "CostInBillingCurrency",
    "BillingCurrencyCode",
    "ResourceLocation",
    "ChargeType",
    "PublisherType",
    "Tags",
)
#: That of a Microsoft Customer Agreement.
MCA = (
    "date",
    "ResourceId",
    "meterCategory",
    "meterSubCategory",
    "meterName",
    "quantity",
    "unitOfMeasure",
    "costInBillingCurrency",
    "billingCurrency",
    "resourceLocation",
    "chargeType",
    "publisherType",
    "tags",
)
FOCUS = (
    "ChargePeriodStart",
    "ResourceId",
    "x_SkuMeterCategory",
    "x_SkuMeterSubcategory",
    "x_SkuMeterName",
    "ConsumedQuantity",
    "x_PricingUnitDescription",
    "BilledCost",
    "BillingCurrency",
    "RegionId",
    "ChargeCategory",
    "x_PublisherCategory",
    "Tags",
)


def line(  # noqa: PLR0913, one for each column
    quantity: str = "1",
    cost: str = "0.0025",
    meter: str = "gpt 4o 1120 Inp glbl Tokens",
    *,
    day: str = "11/20/2026",
    unit: str = "1K",
    account: str | None = "contoso",
    currency: str = "USD",
    charge: str = "Usage",
    publisher: str = "Azure",
    category: str = "Cognitive Services",
    family: str = "Azure OpenAI",
    tags: str = "",
) -> list[str]:
    """Return a line of any of these shapes: a thousand input tokens of gpt-4o, global, at list."""
    resource = f"{RESOURCE}/{account}" if account else "/subscriptions/0/disks/d"
    return [
        *(day, resource, category, family, meter, quantity, unit, cost, currency),
        *("US East 2", charge, publisher, tags),
    ]


def write_export(
    path: Path, *lines: Sequence[str], header: Sequence[str] = EA, bom: bool = False
) -> Path:
    """Write an export, packed if its name says so, and return where it is."""
    opened = gzip.open if path.suffix == ".gz" else open
    encoding = "utf-8-sig" if bom else "utf-8"
    with opened(path, "wt", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([header, *lines])
    return path
