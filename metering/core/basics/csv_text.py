"""CSV as finance opens it: RFC 4180, and no text of others that a spreadsheet would run."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from metering.core.basics.money import Amount, format_amount

#: What begins a formula in one spreadsheet or another, full-width forms included.
_FORMULA: Final = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
#: What spreadsheets pass over before they look for one.
_PASSED_OVER: Final = " \u00a0\ufeff\u200b\"'"
_MUST_QUOTE: Final = frozenset(',"\r\n')


class Figure(NamedTuple):
    """A number that we wrote ourselves, as a decimal string: never taken for a formula."""

    text: str


type Cell = str | int | Figure | None
"""Text, which may come from anybody; a number of ours; nothing."""


def figure(amount: Amount | None) -> Cell:
    """Return an amount as a cell in currency units; an unknown one is empty, never zero."""
    return None if amount is None else Figure(format_amount(amount))


def csv_line(cells: Iterable[Cell]) -> str:
    """Return one line with its line end; text that a spreadsheet would run gets a `'` first."""
    return ",".join(_cell(cell) for cell in cells) + "\r\n"


def neutral(text: str) -> str:
    """Return text with `'` before it where a spreadsheet might take it for a formula.

    Source: OWASP, CSV Injection. Such text with spaces or quotes before it counts too, so taking
    one `'` away gives what was meant.
    """
    begins = text[:1] in _FORMULA or text.lstrip(_PASSED_OVER)[:1] in _FORMULA
    return f"'{text}" if text and begins else text


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, Figure):
        return cell.text
    text = neutral(cell)
    if text and (_MUST_QUOTE.isdisjoint(text) and text == text.strip()):
        return text
    # An empty text is told from nothing, which is not quoted.
    return '"' + text.replace('"', '""') + '"'
