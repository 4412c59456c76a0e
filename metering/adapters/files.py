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
#: Values of a file, YAML's anchors written out, and levels of nesting.
MAX_VALUES: Final = 2_000_000
MAX_DEPTH: Final = 100


def read_structured(path: Path) -> object:
    """Return the content of a YAML or JSON file; raise ConfigurationError naming the file.

    YAML's dates and times are texts, as in JSON, so that whatever reads the content can name the
    field of a wrong one.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    kind, read = ("JSON", json.loads) if path.suffix == ".json" else ("YAML", _read_yaml)
    try:
        content: object = read(text)
        _must_be_plain(content)
    except ModuleNotFoundError:
        raise ConfigurationError(f"{path}: install PyYAML to read YAML, or write JSON") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: is nested too deeply") from None
    except (ValueError, TypeError) as error:
        line = " ".join(str(error).split())
        raise ConfigurationError(f"{path}: not {kind}: {line}") from None
    return content


def _read_yaml(text: str) -> object:
    # The function app in Azure reads JSON and does not install it.
    from metering.adapters.yaml_text import read_yaml  # noqa: PLC0415

    return read_yaml(text)


def _must_be_plain(content: object) -> None:
    """Raise ValueError for a document that is not a tree of reasonable size.

    Anchors can make a few lines stand for billions of values, and a value stand in itself.
    """
    left = MAX_VALUES
    values: list[tuple[object, int]] = [(content, 0)]
    while values:
        value, depth = values.pop()
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            raise ValueError(f"has more than {MAX_VALUES} values, or is nested too deeply")
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        if isinstance(inner, list):
            values += [(one, depth + 1) for one in inner]


def committed_prices() -> Iterator[NamedRow]:
    """Yield the rows of the dated files in metering/prices/; a file is read when its turn comes."""
    folder = files("metering") / "prices"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            yield from read_price_file(file.name, file.read_bytes())
