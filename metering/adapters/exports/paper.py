"""A document on paper: parties, facts, sections of lines, totals and notes, as a PDF."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from metering.adapters.exports.pdf_sheet import INK, MARGIN, ROOM, SOFT, WARN, WIDTH, Sheet, Style
from metering.adapters.exports.pdf_text import BOLD, wrapped
from metering.adapters.exports.statement_view import ShownLine, ShownSection

_TITLE: Final = Style(18, BOLD)
_OWED: Final = Style(16, BOLD)
_HEADING: Final = Style(10.5, BOLD)
_LINE: Final = Style()
_STRONG: Final = Style(weight=BOLD)
_SOFT: Final = Style(colour=SOFT)
_SMALL: Final = Style(7, colour=SOFT)
_MARK: Final = Style(9, BOLD, WARN)
_RIGHT: Final = WIDTH - MARGIN
#: The right ends of the columns of figures, and the room of the first column.
_QUANTITY, _PRICE, _ITEM_ROOM = MARGIN + ROOM * 0.60, MARGIN + ROOM * 0.83, ROOM * 0.43
_PAD: Final = 3.0
#: A heading stays with its table's head and first line.
_TOGETHER: Final = 74.0
#: Characters of a name in a line: what a producer names may be as long as an event.
_MAX_ITEM: Final = 400


class Party(NamedTuple):
    """One side of a document."""

    label: str
    name: str
    lines: Sequence[str]


class Total(NamedTuple):
    """One row of the totals."""

    label: str
    amount: str
    is_strong: bool = False


class Paper(NamedTuple):
    """Everything that a document on paper states."""

    title: str
    subtitle: str
    owed_label: str
    owed: str
    parties: Sequence[Party]
    facts: Sequence[tuple[str, str]]
    sections: Sequence[ShownSection]
    currency: str
    totals_caption: str
    totals: Sequence[Total]
    notes_title: str
    notes: Sequence[str]
    footnotes: Sequence[str]
    author: str
    footer: str
    mark: str = ""
    """A notice the reader must not miss, such as that amounts may still change."""


def pdf_of(paper: Paper) -> bytes:
    """Return a document as a PDF: the same document gives the same bytes."""
    sheet = Sheet(f"{paper.title} {paper.subtitle}", paper.author, paper.footer)
    _head(sheet, paper)
    _parties(sheet, paper.parties)
    for label, value in paper.facts:
        sheet.text(MARGIN, 0, label, _SOFT)
        sheet.paragraph(MARGIN + 92, ROOM - 92, value, _LINE)
    for section in paper.sections:
        if section.has_table:
            _section(sheet, section, paper.currency)
    _totals(sheet, paper)
    if paper.notes:
        _heading(sheet, paper.notes_title, 40)
        for note in paper.notes:
            sheet.paragraph(MARGIN, ROOM, note, _LINE)
    sheet.y -= 14
    for note in paper.footnotes:
        sheet.paragraph(MARGIN, ROOM, note, _SMALL)
        sheet.y -= 2
    return sheet.content()


def _head(sheet: Sheet, paper: Paper) -> None:
    sheet.text(MARGIN, 0, paper.title, _TITLE)
    sheet.text(_RIGHT, 0, paper.owed_label, _SOFT, right=True)
    sheet.text(_RIGHT, 13, paper.owed, _OWED, right=True)
    sheet.y -= 27
    sheet.paragraph(MARGIN, ROOM * 0.6, paper.subtitle, _SOFT)
    if paper.mark:
        sheet.paragraph(MARGIN, ROOM * 0.6, paper.mark, _MARK)
    sheet.rule(5, 1.2, INK)
    sheet.y -= 20


def _parties(sheet: Sheet, parties: Sequence[Party]) -> None:
    top = lowest = sheet.y
    for number, party in enumerate(parties):
        sheet.y, x, room = top, MARGIN + number * ROOM / 2, ROOM / 2 - 16
        sheet.paragraph(x, room, party.label, _SMALL)
        sheet.paragraph(x, room, party.name, _STRONG)
        for line in party.lines:
            sheet.paragraph(x, room, line, _LINE)
        lowest = min(lowest, sheet.y)
    sheet.y = lowest - 12


def _heading(sheet: Sheet, title: str, together: float) -> None:
    if not sheet.has_room(together):
        sheet.break_page()
    else:
        sheet.y -= 18
    sheet.paragraph(MARGIN, ROOM, title, _HEADING)


def _section(sheet: Sheet, section: ShownSection, currency: str) -> None:
    _heading(sheet, section.title, _TOGETHER)
    sheet.paragraph(MARGIN, ROOM, section.caption, _SOFT)
    _columns(sheet, currency)
    for line in section.lines:
        _item(sheet, line, currency)
    if not sheet.has_room(_STRONG.leading + 2 * _PAD):
        sheet.break_page()
    sheet.rule(0, 1.2, INK)
    _row(sheet, section.title, section.amount, _STRONG)


def _columns(sheet: Sheet, currency: str) -> None:
    sheet.y -= _PAD
    sheet.text(MARGIN, 0, "Item", _STRONG)
    sheet.text(_QUANTITY, 0, "Quantity", _STRONG, right=True)
    sheet.text(_PRICE, 0, "Price", _STRONG, right=True)
    sheet.text(_RIGHT, 0, f"Amount, {currency}", _STRONG, right=True)
    sheet.y -= _STRONG.leading + 1
    sheet.rule(0, 0.8, INK)


def _item(sheet: Sheet, line: ShownLine, currency: str) -> None:
    """Place one line whole on a page, below the head of the table repeated on a new one."""
    titles = wrapped(_short(line.title), _LINE.weight, _LINE.size, _ITEM_ROOM)
    notes = wrapped(_short(line.note), _SMALL.weight, _SMALL.size, _ITEM_ROOM) if line.note else []
    height = len(titles) * _LINE.leading + len(notes) * _SMALL.leading + 2 * _PAD
    if not sheet.has_room(height):
        sheet.break_page()
        _columns(sheet, currency)
    sheet.y -= _PAD
    sheet.text(_QUANTITY, 0, line.quantity, _LINE, right=True)
    sheet.text(_PRICE, 0, line.price, _LINE, right=True)
    sheet.text(_RIGHT, 0, line.amount, _LINE, right=True)
    for texts, style in ((titles, _LINE), (notes, _SMALL)):
        for text in texts:
            sheet.text(MARGIN, 0, text, style)
            sheet.y -= style.leading
    sheet.y -= _PAD
    sheet.rule(0, 0.5)


def _short(text: str) -> str:
    return text if len(text) <= _MAX_ITEM else f"{text[: _MAX_ITEM - 1]}…"


def _totals(sheet: Sheet, paper: Paper) -> None:
    _heading(sheet, "Total", 60 + 16 * len(paper.totals))
    sheet.paragraph(MARGIN, ROOM, paper.totals_caption, _SOFT)
    for total in paper.totals:
        if not sheet.has_room(_LINE.leading + 2 * _PAD):
            sheet.break_page()
        sheet.rule(0, 1.2 if total.is_strong else 0.5, INK if total.is_strong else SOFT)
        _row(sheet, total.label, total.amount, _STRONG if total.is_strong else _LINE)


def _row(sheet: Sheet, label: str, amount: str, style: Style) -> None:
    sheet.y -= _PAD
    sheet.text(_RIGHT, 0, amount, style, right=True)
    sheet.paragraph(MARGIN, ROOM * 0.75, label, style)
    sheet.y -= _PAD
