"""CSV for spreadsheets: RFC 4180, with formulas in untrusted text disarmed.

The separator is a comma; a file stays harmless where a spreadsheet divides it by semicolons, tabs
or bars.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

from metering.core.basics.money import Amount, format_amount

#: Characters that start a formula in some spreadsheet, full-width forms included.
_FORMULA: Final = "=+@\uff1d\uff0b\uff0d\uff20-"
#: Characters that spreadsheets skip before a formula.
_PASSED_OVER: Final = " \u00a0\ufeff\u200b\"'"
#: White space that some spreadsheets treat like the start of a formula.
_BLANK: Final = "\t\r\n"
#: Where a cell may begin. Beside the text's own beginning that is after a semicolon or a tab, in a
#: spreadsheet whose separator it is, and after a line break, since quotes inside a line that is
#: divided by another separator quote nothing.
_BEGINS: Final = re.compile(
    rf"\A(?=[{_BLANK}]|[{_PASSED_OVER}]*[{_FORMULA}])|[;|{_BLANK}](?=[{_PASSED_OVER}]*[{_FORMULA}])"
)
#: Cells that are kept: the rows of a report repeat names and times.
_KEPT: Final = 4096
#: Characters of a hash in hexadecimal digits.
_HASH: Final = 64
_MUST_QUOTE: Final = frozenset(',"\r\n;\t|')


class Figure(NamedTuple):
    """A number of our own, as a decimal string; it is never treated as a formula."""

    text: str


type Cell = str | int | Figure | None
"""Untrusted text, a number of our own, or None for an empty cell."""


def figure(amount: Amount | None) -> Cell:
    """Return an amount as a cell in currency units; an unknown amount is empty, never zero."""
    return None if amount is None else Figure(format_amount(amount))


def csv_line(cells: Iterable[Cell]) -> str:
    """Return one line with its line end; text that starts a formula gets a `'` first."""
    return ",".join(map(_WRITTEN.__getitem__, cells)) + "\r\n"


def neutral(text: str) -> str:
    """Return text with a `'` before everything that a spreadsheet might treat as a formula.

    Source: OWASP, CSV Injection. Such text with spaces or quotes before it counts too, so taking
    one `'` away gives what was meant.
    """
    return _BEGINS.sub(lambda found: f"{found[0]}'", text)


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _text(cell)
    return str(cell) if isinstance(cell, int) else cell.text


class _Written(dict[Cell, str]):
    """The latest cells, each as it is written."""

    def __missing__(self, cell: Cell) -> str:
        if type(cell) is str and len(cell) >= _HASH and cell.isalnum():
            # Nothing to disarm or to quote; those of rows would push out what is repeated.
            return cell
        if len(self) >= _KEPT:
            self.clear()
        written = self[cell] = _cell(cell)
        return written


_WRITTEN: Final = _Written()


def _text(cell: str) -> str:
    text = neutral(cell)
    if text and (_MUST_QUOTE.isdisjoint(text) and text == text.strip()):
        return text
    # An empty text is quoted, to tell it from a missing one.
    return '"' + text.replace('"', '""') + '"'
