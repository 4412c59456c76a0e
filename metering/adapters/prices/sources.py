"""The price sources by name."""

from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from metering.adapters.prices.azure_retail import (
    Progress,
    bundled_azure_prices,
    live_azure_prices,
)
from metering.adapters.prices.genai_prices_source import DEFAULT_PROVIDER, genai_prices
from metering.adapters.prices.operator_file import file_prices
from metering.adapters.prices.operator_rows import ProviderOf, no_seller
from metering.adapters.prices.price_import import PriceImport
from metering.core.basics.errors import ConfigurationError

AZURE: Final = "azure"
AZURE_LIVE: Final = "azure-live"
GENAI_PRICES: Final = "genai-prices"


class Wanted(NamedTuple):
    """A source to read, and the facts that it cannot know."""

    source: str
    """One of the names above, or a file."""
    currency: str
    today: date
    provider: str = DEFAULT_PROVIDER
    provider_of: ProviderOf = no_seller
    """Returns the known seller of a model."""


def read_source(wanted: Wanted, progress: Progress) -> PriceImport:
    """Return the prices of a source; ConfigurationError or RetryableError say why not."""
    if wanted.source == AZURE:
        found = bundled_azure_prices()
    elif wanted.source == AZURE_LIVE:
        found = live_azure_prices(wanted.today.isoformat(), progress=progress)
    elif wanted.source == GENAI_PRICES:
        found = genai_prices(wanted.today, wanted.provider)
    elif not Path(wanted.source).is_file():
        raise ConfigurationError(
            f"{wanted.source}: unknown source or file; the sources are"
            f" {AZURE}, {AZURE_LIVE} and {GENAI_PRICES}"
        )
    else:
        return file_prices(Path(wanted.source), wanted.currency, wanted.provider_of)
    return found
