"""Output of commands: tables for people, JSON for programs, one line for errors."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from metering.core.basics import wording
from metering.core.basics.money import format_fixed
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import (
    INDEX,
    QUANTITY,
    QUANTITY_DECIMALS,
    TOKENS,
    Buckets,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

plural = wording.plural

_PIPED_WIDTH: Final = 200


def stdout() -> Console:
    """Return the console for results. Piped output is not coloured or wrapped."""
    piped = not sys.stdout.isatty()
    return Console(width=_PIPED_WIDTH if piped else None, highlight=False, soft_wrap=piped)


def stderr() -> Console:
    """Return the console for errors and progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print a document, a list of documents, or plain JSON values."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=_dump) + "\n")


def _dump(document: Any) -> object:
    # A document, which is not imported here: commands that print none start faster.
    return document.model_dump(mode="json")


def show(document: object, table: Callable[[], None], *, as_json: bool) -> None:
    """Print a document as JSON, or call `table` to print it for people."""
    if as_json:
        print_json(document)
    else:
        table()


def print_error(message: str) -> None:
    """Print one line on standard error."""
    stderr().print(f"[red]error:[/red] {escape(message)}")


def tell_left_out(faults: Iterable[object]) -> None:
    """Print the faults of the ledgers that an answer leaves out; exit with 1 if there are any."""
    told = [str(fault) for fault in faults]
    for fault in told:
        print_error(f"left out: {fault}: run `metering verify`")
    if told:
        raise typer.Exit(1)


def escape(text: str) -> str:
    """Return text so that brackets in it are not taken for markup, nor control codes obeyed."""
    return plain(text).replace("[", "\\[")


def plain(text: str) -> str:
    """Return text with a replacement character for each control code."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else "�" for char in text)


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1
) -> None:
    """Print a table. The first `left` columns are left-aligned, figures are right-aligned."""
    cells = [[plain(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        lines = drawn_table(title, columns, cells, left)
        sys.stdout.write("".join(f"{line}\n" for line in lines))
        return
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < left else "right")
    for row in cells:
        table.add_row(*(escape(cell) for cell in row))
    stdout().print(table)


def drawn_table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], left: int
) -> list[str]:
    """Return the lines of a table as rich draws it, however wide, and without styles.

    Rich takes a millisecond a row, and a price list has thousands.
    """
    table = [columns, *rows]
    widths = [max(map(cell_len, cells)) for cells in zip(*table, strict=True)]

    def border(first: str, line: str, between: str, last: str) -> str:
        return first + between.join(line * (width + 2) for width in widths) + last

    def drawn(row: Sequence[str], bar: str) -> str:
        cells = [
            f" {cell}{blank} " if position < left else f" {blank}{cell} "
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
            for blank in [" " * (width - cell_len(cell))]
        ]
        return bar + bar.join(cells) + bar

    body = [drawn(row, "│") for row in rows]
    return [
        title,
        border("┏", "━", "┳", "┓"),
        drawn(columns, "┃"),
        border("┡", "━", "╇", "┩"),
        *body,
        border("└", "─", "┴", "┘"),
    ]


def print_counts(title: str, rows: Iterable[tuple[str, int]]) -> None:
    """Print a table of named counts."""
    print_table(title, ["item", "count"], [(name, count(number)) for name, number in rows])


def count(number: int) -> str:
    """Return a count for people: `12,345`."""
    return f"{number:,}"


def quantity(buckets: Buckets) -> str:
    """Return the quantity of a meter other than tokens as a decimal string."""
    return format_fixed(buckets[INDEX[QUANTITY]], QUANTITY_DECIMALS)


def used(buckets: Buckets, unit: str) -> str:
    """Return a quantity for people: tokens as a count, other units by name."""
    return tokens(buckets) if unit == TOKEN else f"{quantity(buckets)} {unit}"


def tokens(buckets: Buckets) -> str:
    """Return all tokens as one count for people."""
    return count(sum(buckets[TOKENS]))
