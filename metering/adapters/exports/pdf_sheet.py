"""Pages of a PDF: text and rules placed from top to bottom, with a footer on every page.

What is drawn is kept until the number of pages is known. The same calls give the same bytes: a
document has neither a time nor a random id.
"""

import io
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from metering.adapters.exports.pdf_text import SANS, Weight, runs, width, wrapped

WIDTH, HEIGHT = A4
MARGIN: Final = 51.0
ROOM: Final = WIDTH - 2 * MARGIN
_BOTTOM: Final = 62.0
_FOOTER: Final = 34.0
#: The distance of lines, as a multiple of the size of the letters.
_LEADING: Final = 1.4

INK: Final = (0.106, 0.122, 0.141)
SOFT: Final = (0.341, 0.376, 0.416)
RULE: Final = (0.816, 0.843, 0.871)
WARN: Final = (0.604, 0.204, 0.071)

type Colour = tuple[float, float, float]
type _Draw = Callable[[Canvas], None]


class Style(NamedTuple):
    """The style of text."""

    size: float = 8.5
    weight: Weight = SANS
    colour: Colour = INK

    @property
    def leading(self) -> float:
        """The distance of lines."""
        return self.size * _LEADING


class Sheet:
    """The pages of one document."""

    def __init__(self, title: str, author: str, footer: str) -> None:
        self.title, self._author, self._footer = title, author, footer
        self._pages: list[list[_Draw]] = [[]]
        self.y = HEIGHT - MARGIN
        """The top of what comes next, in points from the bottom of the page."""

    @property
    def page_count(self) -> int:
        """The number of pages so far."""
        return len(self._pages)

    def has_room(self, height: float) -> bool:
        """Say whether something of this height fits onto the page."""
        return bool(self.y - height >= _BOTTOM)

    def break_page(self) -> None:
        """Go on at the top of a new page."""
        self._pages.append([])
        self.y = HEIGHT - MARGIN

    def text(self, x: float, below: float, text: str, style: Style, *, right: bool = False) -> None:
        """Place one line of text; `x` is its left end, or its right one."""
        start = x - width(text, style.weight, style.size) if right else x
        baseline = self.y - below - style.size
        parts = runs(text, style.weight)

        def draw(canvas: Canvas) -> None:
            line = canvas.beginText(start, baseline)
            line.setFillColorRGB(*style.colour)
            for font, part in parts:
                line.setFont(font, style.size)
                line.textOut(part)
            canvas.drawText(line)

        self._pages[-1].append(draw)

    def paragraph(self, x: float, room: float, text: str, style: Style) -> None:
        """Place text in as many lines as it needs, over pages where necessary."""
        for line in wrapped(text, style.weight, style.size, room):
            if not self.has_room(style.leading):
                self.break_page()
            self.text(x, 0, line, style)
            self.y -= style.leading

    def rule(self, below: float, thickness: float, colour: Colour = RULE) -> None:
        """Draw a line across the page."""
        height = self.y - below

        def draw(canvas: Canvas) -> None:
            canvas.setStrokeColorRGB(*colour)
            canvas.setLineWidth(thickness)
            canvas.line(MARGIN, height, WIDTH - MARGIN, height)

        self._pages[-1].append(draw)

    def content(self) -> bytes:
        """Return the document."""
        out = io.BytesIO()
        canvas = Canvas(out, pagesize=A4, invariant=1, pageCompression=1, lang="en")
        canvas.setTitle(self.title)
        canvas.setAuthor(self._author)
        canvas.setCreator("metering")
        for number, page in enumerate(self._pages, 1):
            for draw in (*page, *self._footers(number)):
                draw(canvas)
            canvas.showPage()
        canvas.save()
        return out.getvalue()

    def _footers(self, number: int) -> Sequence[_Draw]:
        sheet = Sheet("", "", "")
        sheet.y = _FOOTER + 12
        style = Style(7, colour=SOFT)
        label = f"Page {number} of {self.page_count}"
        room = ROOM - width(label, style.weight, style.size) - 12
        sheet.rule(-4, 0.5)
        sheet.text(MARGIN, 0, wrapped(self._footer, style.weight, style.size, room)[0], style)
        sheet.text(WIDTH - MARGIN, 0, label, style, right=True)
        return sheet._pages[0]
