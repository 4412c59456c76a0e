"""The files of an export: one, or a folder of parts with the manifest that names them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from metering.core.basics.errors import ConfigurationError

#: Names of manifests, as Cost Management and older versions of it write them.
_MANIFESTS: Final = ("manifest.json", "_manifest.json")
_MAX_MANIFEST: Final = 16 * 1024 * 1024
#: Cost Management writes a part for about a gigabyte.
MAX_FILES: Final = 10_000


class CostPart(NamedTuple):
    """One file of an export."""

    path: Path
    rows: int | None = None
    """The rows that the manifest says it has; None if it does not say."""


def parts_of(path: Path, endings: Sequence[str]) -> list[CostPart]:
    """Return the files of an export in order: a file, or all data files below a folder.

    With a manifest they are those that it names. Raises ConfigurationError for a part that is
    missing, for one that no manifest names, for the manifests of several exports, and for a folder
    without data.
    """
    if not path.is_dir():
        return [CostPart(path)]
    files = sorted(_files(path))
    data = [file for file in files if file.name.lower().endswith(tuple(endings))]
    manifests = [file for file in files if file.name.lower() in _MANIFESTS]
    if len(manifests) > 1:
        raise ConfigurationError(
            f"{path}: has {len(manifests)} manifests, the first two {manifests[0]} and"
            f" {manifests[1]}: every run of an export writes its days anew, so give the folder of"
            " one"
        )
    if not data and not manifests:
        raise ConfigurationError(f"{path}: has no file that ends with {', '.join(endings)}")
    return _named(manifests[0], data) if manifests else [CostPart(file) for file in data]


def _files(folder: Path) -> Iterator[Path]:
    for number, file in enumerate(folder.rglob("*")):
        if number >= MAX_FILES:
            raise ConfigurationError(f"{folder}: has more than {MAX_FILES:,} files")
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if file.is_file() and not hidden:
            yield file


def _named(manifest: Path, data: Sequence[Path]) -> list[CostPart]:
    """Return the parts that a manifest names, each of which must be there, and no others."""
    parts: dict[Path, CostPart] = {}
    for number, blob in enumerate(_blobs(manifest)):
        name = blob.get("blobName") if isinstance(blob, Mapping) else None
        rows = blob.get("dataRowCount") if isinstance(blob, Mapping) else None
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"{manifest}: blobs.{number}.blobName: is not a name")
        # Names are those in the container; a download keeps the last part of them.
        last = name.replace("\\", "/").rpartition("/")[2]
        found = [file for file in data if file.name == last]
        if not found:
            raise ConfigurationError(
                f"{manifest}: blobs.{number}.blobName: names {name!r}, which is not in"
                f" {manifest.parent}: a part is missing"
            )
        if len(found) > 1 or found[0] in parts:
            raise ConfigurationError(
                f"{manifest}: blobs.{number}.blobName: {last!r} is there or named twice"
            )
        known = rows if type(rows) is int and rows >= 0 else None
        parts[found[0]] = CostPart(found[0], known)
    for file in data:
        if file not in parts:
            raise ConfigurationError(
                f"{file}: is not named by {manifest}: it belongs to another run of the export"
            )
    return list(parts.values())


def _blobs(manifest: Path) -> list[Any]:
    try:
        if manifest.stat().st_size > _MAX_MANIFEST:
            raise ConfigurationError(f"{manifest}: has more than {_MAX_MANIFEST:,} bytes")
        document = json.loads(manifest.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{manifest}: cannot be read: {error}") from None
    blobs = document.get("blobs") if isinstance(document, dict) else None
    if not isinstance(blobs, list) or not blobs:
        raise ConfigurationError(f"{manifest}: blobs: names no part of an export")
    return blobs
