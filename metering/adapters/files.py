"""Files of operators (YAML or JSON), and the price data that ships with the package."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic_core import from_json

from metering.core.basics.errors import ConfigurationError
from metering.core.prices.price_book import NamedRow
from metering.core.prices.price_file import read_price_file

#: Plans and lists of tenants are far smaller; a larger file is a mistake.
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
#: Values of a YAML file, anchors written out, and levels of nesting.
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
    if path.suffix == ".json":
        try:
            return from_json(text, allow_inf_nan=False)
        except ValueError as error:
            raise ConfigurationError(f"{path}: not JSON: {error}") from None
    return _read_yaml(path, text)


def _read_yaml(path: Path, text: str) -> object:
    try:
        import yaml  # noqa: PLC0415, the function app in Azure reads JSON and does not install it

        from metering.adapters.yaml_text import PlainLoader  # noqa: PLC0415
    except ModuleNotFoundError:
        raise ConfigurationError(f"{path}: install PyYAML to read YAML, or write JSON") from None
    try:
        content = yaml.load(text, PlainLoader)  # noqa: S506, a SafeLoader
        _must_be_plain(content)
    except RecursionError:
        raise ConfigurationError(f"{path}: is nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError) as error:
        line = " ".join(str(error).split())
        raise ConfigurationError(f"{path}: not YAML: {line}") from None
    return content


def _must_be_plain(content: object) -> None:
    """Raise ValueError for a document that is not a tree of reasonable size, or has odd text.

    Anchors can make a few lines stand for billions of values, and a value stand in itself.
    """
    left = MAX_VALUES
    values: list[tuple[object, int]] = [(content, 0)]
    while values:
        value, depth = values.pop()
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            raise ValueError(f"has more than {MAX_VALUES} values, or is nested too deeply")
        if isinstance(value, str):
            value.encode()
        inner = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        if isinstance(inner, list):
            values += [(one, depth + 1) for one in inner]


def committed_prices() -> Iterator[NamedRow]:
    """Yield the rows of the dated files in metering/prices/; a file is read when its turn comes."""
    folder = files("metering") / "prices"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".json"):
            yield from read_price_file(file.name, file.read_bytes())
