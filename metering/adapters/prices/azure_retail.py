"""The Azure Retail Prices API as a price source: bundled snapshot, saved items, or live."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from metering.adapters.prices.azure_models import MODELS
from metering.adapters.prices.azure_rows import AzureItem, azure_rows
from metering.adapters.prices.price_import import Origin, PriceImport, Skipped, price_import
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import format_instant, parse_instant

URL: Final = "https://prices.azure.com/api/retail/prices"
_API_VERSION: Final = "2023-01-01-preview"
CURRENCY: Final = "USD"

#: A page has at most 1,000 items and all products some dozens of pages; more is a loop.
MAX_PAGES: Final = 400
TIMEOUT_S: Final = 30.0
"""For one answer."""
ALL_PAGES_S: Final = 600.0
_MAX_TRIES: Final = 4
_MAX_PAUSE_S: Final = 20.0
#: The whole feed of these products is a few megabytes.
MAX_FILE_BYTES: Final = 256 * 1024 * 1024
MAX_PAGE_BYTES: Final = 16 * 1024 * 1024

type Progress = Callable[[int, int], None]
"""Receives the numbers of pages and items that have been read."""


def bundled_azure_prices() -> PriceImport:
    """Return the prices of the snapshot that the package azure-genai-prices carries."""
    # Named by its package, which is not imported: only its data is wanted.
    try:
        text = files("azure_genai_prices.data").joinpath("snapshot.json").read_text("utf-8")
    except ModuleNotFoundError:
        raise ConfigurationError("install azure-genai-prices to read its snapshot") from None
    return _from_document(text, "azure-genai-prices snapshot", "azure-genai-prices")


def saved_azure_prices(path: Path) -> PriceImport:
    """Return the prices of a file of items as the API answers them; errors name the item."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return _from_document(text, str(path), "a file of saved items")


def live_azure_prices(
    retrieved: str,
    *,
    url: str = URL,
    timeout_s: float = TIMEOUT_S,
    progress: Progress = lambda _pages, _items: None,
) -> PriceImport:
    """Return the prices that the API gives now; `retrieved` is today's date.

    RetryableError where it does not answer in time, or not at all.
    """
    found: dict[str, object] = {}
    pages = 0
    give_up_at = time.monotonic() + ALL_PAGES_S
    for product, _ in MODELS:
        query = {
            "api-version": _API_VERSION,
            "currencyCode": f"'{CURRENCY}'",
            "$filter": f"contains(productName, '{product}')",
        }
        next_page: str | None = f"{url}?{urllib.parse.urlencode(query)}"
        while next_page:
            pages += 1
            if pages > MAX_PAGES or time.monotonic() > give_up_at:
                raise RetryableError(
                    f"{url}: more than {MAX_PAGES} pages or {ALL_PAGES_S:.0f} seconds"
                )
            page = _page(next_page, url, timeout_s)
            # A product may be part of another's name: its items come twice.
            found |= {json.dumps(item, default=str): item for item in page["Items"]}
            next_page = page.get("NextPageLink")
            progress(pages, len(found))
    return _imported(list(found.values()), URL, retrieved, "live")


def _page(address: str, url: str, timeout_s: float) -> dict[str, Any]:
    """Return one page, tried again while the service is busy; never of another host than `url`."""
    asked, allowed = urllib.parse.urlsplit(address), urllib.parse.urlsplit(url)
    # Azure writes its port into the links to further pages.
    if (asked.scheme, asked.hostname) != (allowed.scheme, allowed.hostname):
        raise RetryableError(f"{url}: the next page is elsewhere: {address}")
    for attempt in range(_MAX_TRIES):
        try:
            with urllib.request.urlopen(address, timeout=timeout_s) as answer:  # noqa: S310, as above
                return _checked(url, answer.read(MAX_PAGE_BYTES + 1))
        except urllib.error.HTTPError as error:
            busy = error.code == HTTPStatus.TOO_MANY_REQUESTS or error.code >= 500  # noqa: PLR2004
            if not busy or attempt == _MAX_TRIES - 1:
                raise RetryableError(f"{url}: answered {error.code}") from None
            time.sleep(min(2.0**attempt, _MAX_PAUSE_S))
        except (OSError, ValueError) as error:
            raise RetryableError(f"{url}: {error}") from None
    raise AssertionError("the last try returns or raises")


def _checked(url: str, body: bytes) -> dict[str, Any]:
    page = _exact(body) if len(body) <= MAX_PAGE_BYTES else None
    if not isinstance(page, dict) or not isinstance(page.get("Items"), list):
        raise RetryableError(f"{url}: the response is not a page of prices")
    return page


def _exact(text: str | bytes) -> Any:
    """Return JSON with numbers as they are written: a binary float has lost the price."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def _from_document(text: str, source: str, via: str) -> PriceImport:
    try:
        document = _exact(text)
    except ValueError as error:
        raise ConfigurationError(f"{source}: not JSON: {error}") from None
    if isinstance(document, list):
        document = {"items": document}
    items = document.get("items", document.get("Items")) if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise ConfigurationError(f"{source}: has no list of items")
    retrieved = str(document.get("fetched_at") or "unknown")[:10]
    return _imported(items, source, retrieved, via)


def _imported(items: Iterable[object], source: str, retrieved: str, via: str) -> PriceImport:
    read = [_item(f"{source}: items[{place}]", item) for place, item in enumerate(items)]
    rows, skipped = azure_rows(item for item in read if isinstance(item, AzureItem))
    skipped += {item for item in read if isinstance(item, Skipped)}
    origin = Origin("Azure Retail Prices API: pay-as-you-go token meters", URL, retrieved, via)
    return price_import(
        f"azure-retail-import-{retrieved}", CURRENCY, origin, rows=rows, skipped=skipped
    )


def _item(place: str, item: object) -> AzureItem | Skipped:
    if not isinstance(item, dict):
        raise ConfigurationError(f"{place}: is not an object")
    product, meter, unit = (
        _text(place, item, field) for field in ("productName", "meterName", "unitOfMeasure")
    )
    if item.get("type", "Consumption") != "Consumption":
        return Skipped(f"{product}: {meter}", f"not pay-as-you-go but {item['type']}")
    if item.get("tierMinimumUnits"):
        return Skipped(f"{product}: {meter}", "the price of a volume tier")
    currency = item.get("currencyCode", CURRENCY)
    if currency != CURRENCY:
        raise ConfigurationError(f"{place}: currencyCode: {currency!r} is not {CURRENCY}")
    regions = item["regions"] if "regions" in item else [item.get("armRegionName", "")]
    if not isinstance(regions, list) or not all(isinstance(region, str) for region in regions):
        raise ConfigurationError(f"{place}: regions: is not a list of names")
    known = tuple(filter(None, regions))
    return AzureItem(product, meter, unit, _price(place, item), _start(place, item), known)


def _price(place: str, item: Mapping[str, object]) -> Decimal:
    price = item.get("retailPrice")
    if not isinstance(price, Decimal) or not price.is_finite():
        raise ConfigurationError(f"{place}: retailPrice: {price!r} is not a number")
    if price < 0:
        raise ConfigurationError(f"{place}: retailPrice: {price} is negative")
    return price


def _start(place: str, item: Mapping[str, object]) -> str:
    text = _text(place, item, "effectiveStartDate")
    try:
        return format_instant(parse_instant(text))
    except ValueError as error:
        raise ConfigurationError(f"{place}: effectiveStartDate: {error}") from None


def _text(place: str, item: Mapping[str, object], field: str) -> str:
    value = item.get(field)
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{place}: {field}: is missing or not a text")
    return value
