"""genai-prices as a price source: list prices of models that Azure's feed lacks, chiefly Claude."""

from datetime import date
from importlib.metadata import version
from typing import Final

from metering.adapters.prices.genai_rows import genai_rows
from metering.adapters.prices.price_import import Origin, PriceImport, price_import
from metering.core.basics.errors import ConfigurationError

DEFAULT_PROVIDER: Final = "anthropic"
_CURRENCY: Final = "USD"

#: When the data of a release was current. The package does not say, so it is the last day that
#: the data itself names as the past start of a price.
_DATA_OF: Final = {"0.2.3": date(2026, 11, 9)}


def genai_prices(today: date, provider: str = DEFAULT_PROVIDER) -> PriceImport:
    """Return a provider's list prices; `today` dates data of a release that we do not know.

    ConfigurationError where the package is not installed or knows no such provider.
    """
    try:
        from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415, for development only
    except ModuleNotFoundError:
        raise ConfigurationError("install genai-prices to read its prices") from None
    providers = {known.id: known for known in get_snapshot().providers}
    if provider not in providers:
        raise ConfigurationError(f"genai-prices has no provider {provider!r}")
    release = version("genai-prices")
    as_of = _DATA_OF.get(release, today)
    rows, skipped = genai_rows(provider, providers[provider].models, as_of)
    billed = "billed through the Azure Marketplace" if provider == DEFAULT_PROVIDER else "its own"
    urls = providers[provider].pricing_urls or ["https://github.com/pydantic/genai-prices"]
    origin = Origin(
        f"list prices of {provider}, {billed}",
        urls[0],
        as_of.isoformat(),
        f"genai-prices {release}",
    )
    return price_import(
        f"{provider}-{as_of.isoformat()}", _CURRENCY, origin, rows=rows, skipped=skipped
    )
