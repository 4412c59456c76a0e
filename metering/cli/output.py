"""What commands print: tables for people, JSON for machines, one line for errors."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from metering.core.basics.money import Amount, format_amount, format_fixed
from metering.core.ledger.head import RateTotals
from metering.core.prices.price_book import TOKEN
from metering.core.usage.buckets import (
    INDEX,
    QUANTITY,
    QUANTITY_DECIMALS,
    TOKENS,
    Buckets,
    by_name,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

_PIPED_WIDTH: Final = 200


def stdout() -> Console:
    """Return the console for results: no colour and no folding when it is piped."""
    piped = not sys.stdout.isatty()
    return Console(width=_PIPED_WIDTH if piped else None, highlight=False, soft_wrap=piped)


def stderr() -> Console:
    """Return the console for errors and progress."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: object) -> None:
    """Print one JSON value; counts are numbers, money is strings."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False) + "\n")


def print_error(message: str) -> None:
    """Print one line on standard error."""
    stderr().print(f"[red]error:[/red] {escape(message)}")


def escape(text: str) -> str:
    """Return text so that brackets in it are not taken for markup, nor control codes obeyed."""
    plain = "".join(char if char.isprintable() else "�" for char in text)
    return plain.replace("[", "\\[")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1
) -> None:
    """Print a table whose first `left` columns are names and whose others are figures."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, justify="left" if position < left else "right")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    stdout().print(table)


def line_json(line: RateTotals, amount: Amount | None, unit: str = TOKEN) -> dict[str, object]:
    """Return the figures of a line as JSON values; an unknown amount is null.

    Of another meter than tokens its quantity and unit are told too.
    """
    measured = {} if unit == TOKEN else {"quantity": quantity(line.tokens), "unit": unit}
    counts = by_name(line.tokens)
    counts.pop(QUANTITY, None)
    return {
        "amount": None if amount is None else format_amount(amount),
        "requests": line.requests,
        "tokens": counts,
        **measured,
        "unpriced": line.unpriced,
        "missing": line.missing,
        "totals_only": line.totals_only,
        "not_billable": line.not_billable,
    }


def count(number: int) -> str:
    """Return a count for people: `12,345`."""
    return f"{number:,}"


def quantity(buckets: Buckets) -> str:
    """Return what another meter counted, as a decimal string."""
    return format_fixed(buckets[INDEX[QUANTITY]], QUANTITY_DECIMALS)


def used(buckets: Buckets, unit: str) -> str:
    """Return what was counted, for people: tokens as they are, other units by their name."""
    return tokens(buckets) if unit == TOKEN else f"{quantity(buckets)} {unit}"


def tokens(buckets: Buckets) -> str:
    """Return all tokens as one count for people."""
    return count(sum(buckets[TOKENS]))
