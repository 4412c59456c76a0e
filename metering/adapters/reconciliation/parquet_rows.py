"""The rows of a Parquet file as text: every number with all its digits."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from metering.adapters.reconciliation.csv_rows import MAX_FIELD
from metering.adapters.reconciliation.file_rows import FileRows, OnBytes
from metering.core.basics.errors import ConfigurationError

_BATCH: Final = 1_000
#: A row group is decompressed column by column; those of Azure have some hundred megabytes.
MAX_GROUP_BYTES: Final = 2 * 1024**3


class ParquetRows:
    """Opens Parquet files."""

    endings = (".parquet",)

    @contextmanager
    def opened(self, path: Path, on_bytes: OnBytes) -> Iterator[FileRows]:
        """Return the rows of a file."""
        try:
            # Much to load, and an extra: only those who read Parquet need it.
            from pyarrow import ArrowException  # noqa: PLC0415
            from pyarrow.parquet import ParquetFile  # noqa: PLC0415
        except ImportError as error:
            raise ConfigurationError(
                f"{path}: Parquet needs the extra `parquet` ({error}):"
                " pip install 'metering[parquet]'"
            ) from None
        try:
            with path.open("rb") as stream, ParquetFile(stream) as file:
                header = file.schema_arrow.names
                yield FileRows(header, _rows(path, file, header, on_bytes))
        except (ArrowException, OSError) as error:
            reason = str(error).partition("\n")[0]
            raise ConfigurationError(f"{path}: cannot be read: {reason}") from None


def _rows(
    path: Path, file: Any, header: list[str], on_bytes: OnBytes
) -> Iterator[tuple[str, list[str]]]:
    number, size, groups = 0, path.stat().st_size, file.metadata.num_row_groups
    for group in range(groups):
        unpacked = file.metadata.row_group(group).total_byte_size
        if unpacked > MAX_GROUP_BYTES:
            raise ConfigurationError(
                f"{path}: row group {group} has {unpacked:,} bytes, more than {MAX_GROUP_BYTES:,}"
            )
        for batch in file.iter_batches(_BATCH, row_groups=[group]):
            for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                number += 1
                where = f"row {number}"
                yield (
                    where,
                    [
                        _text(path, where, name, value)
                        for name, value in zip(header, values, strict=True)
                    ],
                )
        on_bytes(size * (group + 1) // groups)


def _text(path: Path, where: str, name: str, value: object) -> str:
    text = _written(value)
    if len(text) > MAX_FIELD:
        raise ConfigurationError(f"{path}: {where}: {name}: longer than {MAX_FIELD:,} characters")
    return text


def _written(value: object) -> str:
    if isinstance(value, list | dict):
        return json.dumps(_pairs(value), default=str)
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return format(value, "f")
    return "" if value is None else str(value)


def _pairs(value: list[Any] | dict[str, Any]) -> Any:
    """Return the map of a column of tags, which is read as a list of pairs."""
    if isinstance(value, list) and all(isinstance(one, tuple) for one in value):
        return dict(value)
    return value
