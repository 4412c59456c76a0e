"""Files of operators (YAML or JSON), and the price data that ships with the package."""

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from metering.core.basics.errors import ConfigurationError
from metering.core.prices.price_book import NamedRow
from metering.core.prices.price_file import read_price_file

#: Plans and lists of tenants are far smaller; a larger file is a mistake.
MAX_FILE_BYTES: Final = 16 * 1024 * 1024


def read_structured(path: Path) -> object:
    """Return the content of a YAML or JSON file; raise ConfigurationError naming the file."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    if path.suffix == ".json":
        try:
            return json.loads(text)
        except ValueError as error:
            raise ConfigurationError(f"{path}: not JSON: {error}") from None
    return _read_yaml(path, text)


def _read_yaml(path: Path, text: str) -> object:
    try:
        import yaml  # noqa: PLC0415, the function app in Azure reads JSON and does not install it
    except ModuleNotFoundError:
        raise ConfigurationError(f"{path}: install PyYAML to read YAML, or write JSON") from None
    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        # ValueError: something that looks like a date and is none, such as 2026-13-01.
        raise ConfigurationError(f"{path}: not YAML: {error}") from None


def committed_prices() -> Iterator[NamedRow]:
    """Yield the rows of the dated files in metering/prices/; a file is read when its turn comes."""
    folder = files("metering") / "prices"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            yield from read_price_file(file.name, file.read_bytes())
