"""Prints the document of a run: as JSON, or each part as a table with the same names."""

import os
import platform
import sysconfig
from collections.abc import Mapping
from itertools import takewhile

from metering.cli.output import print_json, print_table, stdout

type Document = Mapping[str, object]


def print_document(found: Document, *, as_json: bool) -> None:
    """Print the machine and the figures of a run."""
    document = {"machine": machine(), **found}
    if as_json:
        print_json(document)
        return
    for name, part in document.items():
        rows = _rows(part)
        if rows:
            _print_rows(name, rows)
        else:
            stdout().print(f"{name}: {_cell(part)}", markup=False)


def _print_rows(title: str, rows: list[Document]) -> None:
    """Print a table; the leading columns of text are its names."""
    names = tuple(dict.fromkeys(key for row in rows for key in row))
    texts = takewhile(lambda key: all(isinstance(row[key], str) for row in rows), names)
    cells = [[_cell(row.get(key)) for key in names] for row in rows]
    print_table(title, names, cells, left=len(list(texts)))


def machine() -> dict[str, object]:
    """Return the properties of this machine and its Python."""
    return {
        "python": platform.python_version(),
        "optimised": _is_optimised(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
    }


def _is_optimised() -> bool | None:
    """Return whether Python was compiled with its own profile; None if the build does not say.

    Without it Python code takes longer and pydantic's compiled code hardly does: ratios are lower.
    """
    arguments = sysconfig.get_config_var("CONFIG_ARGS")
    return None if arguments is None else "--enable-optimizations" in arguments


def _rows(part: object) -> list[Document]:
    """Return the rows of a table: objects in a list, or in an object under their names."""
    if isinstance(part, Mapping) and all(isinstance(row, Mapping) for row in part.values()):
        return [{"": name, **row} for name, row in part.items()]
    if isinstance(part, list) and all(isinstance(row, Mapping) for row in part):
        return part
    return []


def _cell(value: object) -> str:
    """Return a value for people."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return f"{value:,}"
        case Mapping():
            return ", ".join(f"{key} {_cell(one)}" for key, one in value.items())
        case list():
            return ", ".join(map(_cell, value))
        case _:
            return str(value)
