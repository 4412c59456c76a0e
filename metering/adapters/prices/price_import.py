"""The yield of a price source: a price file as committed ones are, and what was left out. Pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from itertools import compress
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.prices.price_book import TOKEN, PriceBook
from metering.core.prices.price_changes import price_changes
from metering.core.prices.price_file import read_price_file
from metering.core.usage.buckets import BUCKETS, QUANTITY

_DIGEST_LENGTH: Final = 8


class Origin(NamedTuple):
    """Where the prices of a file come from."""

    source: str
    url: str
    retrieved: str
    via: str


class SourceRow(NamedTuple):
    """One row of a price file; prices are exact, in currency units per million tokens."""

    model: str
    aliases: tuple[str, ...]
    provider: str
    channel: str
    deployment_type: str
    region: str | None
    service_tier: str
    above_tokens: int | None
    effective_from: str
    per_million_tokens: dict[str, Decimal]
    meters: dict[str, str]
    """The meter behind the price of each bucket, where the source has meters."""
    units: dict[str, str]
    """The unit in which the source quotes each bucket."""
    billed_as: Mapping[str, str] = MappingProxyType({})
    """Buckets that are known to have no discount, each with the bucket it is billed as."""
    unit: str = TOKEN
    """The unit of another meter, whose price of one unit stands under `quantity`."""


class Skipped(NamedTuple):
    """Something that the source prices and that the file leaves out."""

    what: str
    reason: str


class PriceImport(NamedTuple):
    """A price file in the committed format, its rows, and what was left out of it."""

    version: str
    content: bytes
    rows: tuple[SourceRow, ...]
    skipped: tuple[Skipped, ...]


def price_import(
    version: str,
    currency: str,
    origin: Origin,
    *,
    rows: Sequence[SourceRow],
    skipped: Sequence[Skipped],
    other_meters: Sequence[Mapping[str, object]] = (),
) -> PriceImport:
    """Return the rows as a price file that the price book takes; ConfigurationError if it does not.

    The same rows give the same bytes, in whatever order they come.
    """
    ordered = sorted(rows, key=_place)
    head = {"version": version, "currency": currency, "origin": origin._asdict()}
    tokens = [_line(row) for row in ordered if row.unit == TOKEN]
    others = [_meter_line(row) for row in ordered if row.unit != TOKEN]
    content = _document(head, tokens, [*others, *other_meters])
    PriceBook(read_price_file(version, content))
    return PriceImport(version, content, tuple(ordered), tuple(sorted(skipped)))


def with_lines(content: bytes, keep: Sequence[bool]) -> bytes:
    """Return a price file with some of its lines only: those that `keep` says, in their order.

    Its version is named after what is left of it, so that another selection is another version.
    """
    document = json.loads(content)
    prices, meters = document.pop("prices", []), document.pop("other_meters", [])
    kept = list(compress(prices, keep)), list(compress(meters, keep[len(prices) :]))
    digest = hashlib.sha256(_document(document, *kept)).hexdigest()
    document["version"] = f"{document['version']}-{digest[:_DIGEST_LENGTH]}"
    return _document(document, *kept)


def _document(
    head: Mapping[str, object], prices: Iterable[object], meters: Sequence[object] = ()
) -> bytes:
    """Return the file's text: one price a line, so that two versions can be compared by eye."""
    fields = [f"  {_json(key)}: {_json(value)}" for key, value in head.items()]
    fields.append(_lines("prices", prices))
    if meters:
        fields.append(_lines("other_meters", meters))
    return "{{\n{}\n}}\n".format(",\n".join(fields)).encode()


def _lines(name: str, lines: Iterable[object]) -> str:
    text = ",\n".join(f"    {_json(line)}" for line in lines)
    return f'  "{name}": [\n{text}\n  ]'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _place(row: SourceRow) -> tuple[str, ...]:
    return (
        row.model,
        row.deployment_type,
        row.region or "",
        row.service_tier,
        str(row.above_tokens or ""),
        row.effective_from,
    )


def _meter_line(row: SourceRow) -> dict[str, object]:
    return {
        "meter": row.model,
        "aliases": list(row.aliases),
        "unit": row.unit,
        "provider": row.provider,
        "channel": row.channel,
        "deployment_type": row.deployment_type,
        "region": row.region,
        "effective_from": row.effective_from,
        "price": plain(row.per_million_tokens[QUANTITY]),
    }


def _line(row: SourceRow) -> dict[str, object]:
    no_discount = {"billed_as": dict(row.billed_as)} if row.billed_as else {}
    long = (
        {"context_tier": None}
        if row.above_tokens is None
        else {"context_tier": "long", "context_above_tokens": row.above_tokens}
    )
    return {
        "model": row.model,
        "aliases": list(row.aliases),
        "provider": row.provider,
        "channel": row.channel,
        "deployment_type": row.deployment_type,
        "region": row.region,
        "service_tier": row.service_tier,
        **long,
        "effective_from": row.effective_from,
        "per_million_tokens": {
            bucket: plain(row.per_million_tokens[bucket])
            for bucket in BUCKETS
            if bucket in row.per_million_tokens
        },
        **no_discount,
        "meters": {bucket: row.meters[bucket] for bucket in BUCKETS if bucket in row.meters},
    }


def plain(price: Decimal) -> str:
    """Return a decimal without exponent and trailing zeros."""
    text = f"{price:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def differing_rows(found: PriceImport, book: PriceBook) -> bytes | None:
    """Return the price file of the rows that differ from a book; None where none does."""
    changes = price_changes(book, read_price_file(found.version, found.content))
    keep = [change.kind != "same" for change in changes]
    return with_lines(found.content, keep) if any(keep) else None
