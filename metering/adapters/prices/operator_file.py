"""Price files from an operator's disk: their own CSV, YAML or JSON, saved items, or our format.

The operator's own format has one price a line. CSV has a header; YAML and JSON have the same fields
in a list `prices`, beside `currency` and, if wished, `version`:

    model            as responses name it; required
    effective_from   a day or an RFC 3339 time; required
    input, output …  currency units per million tokens, by bucket; at least one. In YAML and JSON
                     they stand in `per_million_tokens`, as quoted strings
    aliases          other names; in CSV with `;` between them
    provider, channel (microsoft | marketplace), region, currency
    deployment_type  global (default) | data_zone | regional
    service_tier     standard (default) | batch | priority | flex
    above_tokens     the prompt size above which this price is for the whole request

Prices of other meters stand in YAML and JSON in a list `other_meters`: meter, unit, price (of one
unit), effective_from (a day or an RFC 3339 time), and if wished aliases, deployment_type, region,
provider, channel. In YAML a day needs no quotes.
"""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from metering.adapters.files import MAX_FILE_BYTES, read_structured
from metering.adapters.prices.azure_retail import saved_azure_prices
from metering.adapters.prices.operator_rows import (
    COLUMNS,
    OWN,
    OwnLine,
    ProviderOf,
    no_seller,
    own_rows,
    start_text,
)
from metering.adapters.prices.price_import import (
    Origin,
    PriceImport,
    SourceRow,
    price_import,
)
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.core.basics.validation import validated
from metering.core.prices.price_book import PriceBook
from metering.core.prices.price_file import read_price_file
from metering.core.usage.buckets import BUCKETS

_BETWEEN_ALIASES: Final = ";"
#: Of a whole number; Python refuses to read one of thousands of digits.
_MAX_DIGITS: Final = 18


class _OwnFile(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="forbid")

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    prices: list[dict[str, Any]] = []
    other_meters: list[dict[str, Any]] = []
    version: Annotated[str, Field(pattern=IDENTIFIER_SCHEMA)] | None = None


def file_prices(path: Path, currency: str, provider_of: ProviderOf = no_seller) -> PriceImport:
    """Return the prices of a file of any known form.

    Prices must be in `currency`. ConfigurationError names the file, line and field of what is
    wrong.
    """
    if path.suffix == ".csv":
        return _own(path, path.stem, own_rows(_csv_lines(path), currency, provider_of), currency)
    if path.suffix == ".json" and path.is_file() and path.stat().st_size > MAX_FILE_BYTES:
        return saved_azure_prices(path)
    document = read_structured(path)
    if isinstance(document, list) or (isinstance(document, dict) and _is_saved(document)):
        return saved_azure_prices(path)
    if isinstance(document, dict) and "origin" in document:
        return _committed_format(path, currency)
    file = validated(_OwnFile, str(path), document)
    if file.currency != currency:
        raise ConfigurationError(f"{path}: currency: {file.currency!r} is not {currency}")
    places = _places(path, len(file.prices)) if file.prices else []
    lines = [OwnLine(place, fields) for place, fields in zip(places, file.prices, strict=True)]
    rows = own_rows(lines, currency, provider_of)
    return _own(path, file.version or path.stem, rows, currency, file.other_meters)


def _started(place: str, meter: Mapping[str, Any]) -> dict[str, Any]:
    """Return a meter's price whose start is a time; ConfigurationError names a wrong field."""
    for field, value in meter.items():
        if isinstance(value, str) and not value.isprintable():
            raise ConfigurationError(
                f"{place}: {field}: has a character that cannot be printed or stored"
            )
    if "effective_from" not in meter:
        return dict(meter)
    try:
        return {**meter, "effective_from": start_text(meter["effective_from"])}
    except ValueError as error:
        raise ConfigurationError(f"{place}: effective_from: {error}") from None


def _is_saved(document: Mapping[str, object]) -> bool:
    return "items" in document or "Items" in document


def _own(
    path: Path,
    version: str,
    rows: list[SourceRow],
    currency: str,
    meters: Sequence[Mapping[str, Any]] = (),
) -> PriceImport:
    origin = Origin("prices of the operator's own", path.name, "unknown", "a file")
    defaults = {"provider": OWN, "channel": "microsoft"}
    others = [
        {**defaults, **_started(f"{path}: other_meters[{place}]", meter)}
        for place, meter in enumerate(meters)
    ]
    return price_import(version, currency, origin, rows=rows, skipped=(), other_meters=others)


def _committed_format(path: Path, currency: str) -> PriceImport:
    content = path.read_bytes()
    named = read_price_file(str(path), content)
    others = PriceBook(named).currencies - {currency}
    if others:
        raise ConfigurationError(f"{path}: currency: {min(others)!r} is not {currency}")
    return PriceImport(json.loads(content)["version"], content, (), ())


def _csv_lines(path: Path) -> Iterator[OwnLine]:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        # The mark that Excel puts at the beginning is no part of the first column's name.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    reader = csv.reader(text.splitlines(), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if len(set(header)) != len(header):
            raise ConfigurationError(f"{path}:1: duplicate column")
        unknown = sorted(set(header) - COLUMNS)
        if unknown:
            raise ConfigurationError(f"{path}:1: {unknown[0]}: unknown column")
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield _csv_line(f"{path}:{reader.line_num}", header, cells)
    except csv.Error as error:
        raise ConfigurationError(f"{path}:{reader.line_num}: not CSV: {error}") from None


def _csv_line(place: str, header: list[str], cells: list[str]) -> OwnLine:
    if len(cells) != len(header):
        raise ConfigurationError(f"{place}: has {len(cells)} cells, the header has {len(header)}")
    written = {name: cell.strip() for name, cell in zip(header, cells, strict=True) if cell.strip()}
    fields: dict[str, object] = {
        name: value for name, value in written.items() if name not in BUCKETS
    }
    fields["per_million_tokens"] = {
        bucket: written[bucket] for bucket in BUCKETS if bucket in written
    }
    if "aliases" in written:
        fields["aliases"] = [name.strip() for name in written["aliases"].split(_BETWEEN_ALIASES)]
    if written.get("above_tokens", "").isdecimal() and len(written["above_tokens"]) <= _MAX_DIGITS:
        fields["above_tokens"] = int(written["above_tokens"])
    return OwnLine(place, fields)


def _places(path: Path, count: int) -> list[str]:
    """Return where each price stands; by its number in the list where the line is not known."""
    numbered = [f"{path}: prices[{place}]" for place in range(count)]
    try:
        import yaml  # noqa: PLC0415, as in adapters/files.py
    except ModuleNotFoundError:
        return numbered
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return numbered
    fields = {key.value: value for key, value in root.value} if root is not None else {}
    lines = [value.start_mark.line + 1 for value in fields["prices"].value]
    return [f"{path}:{line}" for line in lines] if len(lines) == count else numbered
