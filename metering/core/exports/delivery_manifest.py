"""Manifests: the files of a delivery, so that a receiver can tell that it is complete."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, NamedTuple

from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.basics.instants import Instant, format_instant, parse_instant
from metering.core.basics.money import Amount, format_amount, parse_amount

Format = Literal["csv", "parquet"]
"""The format of the tables in a delivery."""

#: The note of a delivery whose rows are not final.
PROVISIONAL: Final = "provisional"
SCHEMA: Final = 1
MANIFEST: Final = "manifest.json"


class Window(NamedTuple):
    """The window of a delivery: a period by name, the span `[start, end)`, or both."""

    name: str
    """`2026-11`, `2026-11-20`, `2026-11-20T13Z`, or the instant at which a period starts."""
    span: tuple[Instant, Instant] | None = None
    """None for each tenant's own period of that name or start."""

    @property
    def file_name(self) -> str:
        """The name as part of file and folder names, which have no colon on some systems."""
        return self.name.replace(":", "")


class DeliveredFile(NamedTuple):
    """A file of a delivery. `rows` counts data rows, without the header."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A delivery: `totals` by currency are the sums of one amount column of its files."""

    kind: str
    window: Window
    tenant: str | None
    """None for all tenants."""
    as_of: Instant | None
    """The commit time of the last usage in it; None without usage."""
    files: Sequence[DeliveredFile]
    totals: Mapping[str, Amount]
    notes: Mapping[str, str] = field(default_factory=dict)
    """Notes on the figures, by subject."""
    format: Format = "csv"
    generation: str | None = None
    """The folder of the files of a provisional delivery; None for one that is final."""

    @property
    def identity(self) -> tuple[str, str | None, Window, Format]:
        """The identity by which a delivery replaces an earlier one."""
        return self.kind, self.tenant, self.window, self.format


def manifest_bytes(manifest: Manifest) -> bytes:
    """Return a manifest as JSON; the same data gives the same bytes."""
    return (json.dumps(_document(manifest), indent=2, ensure_ascii=False) + "\n").encode()


def manifest_json(manifest: Manifest) -> dict[str, Any]:
    """Return a manifest as JSON values; money is strings."""
    return _document(manifest)


def read_manifest(content: bytes) -> Manifest:
    """Return the manifest in bytes. Raises InvariantBroken for anything that is not one."""
    try:
        document = json.loads(content)
        if document["schema"] != SCHEMA:
            raise InvariantBroken(f"a manifest has schema {document['schema']}, not {SCHEMA}")
        return _manifest(document)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvariantBroken(f"a manifest cannot be read: {error!r}") from None


def _document(manifest: Manifest) -> dict[str, Any]:
    span = manifest.window.span
    return {
        "schema": SCHEMA,
        "kind": manifest.kind,
        "format": manifest.format,
        "provisional": PROVISIONAL in manifest.notes,
        **({} if manifest.generation is None else {"generation": manifest.generation}),
        "period": {
            "name": manifest.window.name,
            "start": None if span is None else format_instant(span[0]),
            "end": None if span is None else format_instant(span[1]),
        },
        "tenant": manifest.tenant,
        "as_of": None if manifest.as_of is None else format_instant(manifest.as_of),
        "files": [one._asdict() for one in manifest.files],
        "totals": {
            currency: format_amount(amount) for currency, amount in sorted(manifest.totals.items())
        },
        "notes": dict(sorted(manifest.notes.items())),
    }


def _manifest(document: dict[str, Any]) -> Manifest:
    period, as_of = document["period"], document["as_of"]
    span = None
    if period["start"] is not None:
        span = parse_instant(period["start"]), parse_instant(period["end"])
    return Manifest(
        document["kind"],
        Window(period["name"], span),
        document["tenant"],
        None if as_of is None else parse_instant(as_of),
        [DeliveredFile(**one) for one in document["files"]],
        {currency: parse_amount(amount) for currency, amount in document["totals"].items()},
        document["notes"],
        # Manifests of earlier versions do not name the format.
        document.get("format", "csv"),
        document.get("generation"),
    )


#: No leading dot, so neither `..` nor a hidden file.
_PART: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")
_MAX_NAME: Final = 512


def checked_name(name: str) -> str:
    """Return a file's name. Raises ConfigurationError for a name that stores must not use."""
    if len(name) > _MAX_NAME or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise ConfigurationError(
            f"export {name!r}: a file's name has parts of A-Z a-z 0-9 . _ - between slashes, and no"
            " dot first"
        )
    return name


def checked_prefix(prefix: str) -> str:
    """Return a name prefix: empty, or whole folders and a slash."""
    if prefix:
        checked_name(prefix.removesuffix("/"))
    return prefix
