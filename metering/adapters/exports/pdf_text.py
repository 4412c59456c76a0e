"""Text on paper: fonts that are in the package, characters that they have, and lines that fit.

DejaVu Sans has Latin, Greek and Cyrillic; WenQuanYi Micro Hei has Chinese, Japanese and Korean.
Their licences are beside them. A character of neither is written as its code point, such as U+0E01,
and so are letters that would need shaping or run from right to left: no name is shown as boxes, nor
in a wrong order.
"""

import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

_FONTS: Final = Path(__file__).parent / "fonts"
#: Under names of this project: reportlab keeps fonts by name for the whole process.
_FILES: Final = {
    "metering-sans": ("DejaVuSans.ttf", 0),
    "metering-bold": ("DejaVuSans-Bold.ttf", 0),
    "metering-cjk": ("wqy-microhei.ttc", 0),
}
_CJK: Final = "metering-cjk"
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL", "AN"})
#: What marks depend on their letters for: without shaping they would stand beside them.
_COMBINING: Final = frozenset({"Mn", "Mc", "Me"})
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

type Weight = Literal["metering-sans", "metering-bold"]
SANS: Final[Weight] = "metering-sans"
BOLD: Final[Weight] = "metering-bold"


class Run(NamedTuple):
    """Text in one font."""

    font: str
    text: str


@cache
def glyphs(font: str) -> frozenset[int]:
    """Return the characters of a font, which it registers on first use."""
    file, index = _FILES[font]
    made = TTFont(font, str(_FONTS / file), subfontIndex=index)
    pdfmetrics.registerFont(made)
    return frozenset(made.face.charToGlyph)


def runs(text: str, weight: Weight) -> list[Run]:
    """Return a line of text by font."""
    if text.isascii() and text.isprintable():
        glyphs(weight)
        return [Run(weight, text)]
    found: list[Run] = []
    for font, part in _characters(text, weight):
        if found and found[-1].font == font:
            found[-1] = Run(font, found[-1].text + part)
        else:
            found.append(Run(font, part))
    return found


def _characters(text: str, weight: Weight) -> Iterator[tuple[str, str]]:
    # Composed, an accented letter is one glyph.
    for letter in unicodedata.normalize("NFC", text):
        if _is_plain(letter):
            if ord(letter) in glyphs(weight):
                yield weight, letter
                continue
            if ord(letter) in glyphs(_CJK):
                yield _CJK, letter
                continue
        yield weight, f"U+{ord(letter):04X} "


def _is_plain(letter: str) -> bool:
    return (
        unicodedata.bidirectional(letter) not in _RIGHT_TO_LEFT
        and unicodedata.category(letter) not in _COMBINING | _INVISIBLE
    )


def width(text: str, weight: Weight, size: float) -> float:
    """Return the width of a line of text in points."""
    return float(sum(pdfmetrics.stringWidth(part, font, size) for font, part in runs(text, weight)))


def wrapped(text: str, weight: Weight, size: float, room: float) -> list[str]:
    """Return text as lines that fit into a width, broken at spaces or, where needed, anywhere."""
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if width(longer, weight, size) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _pieces(word, weight, size, room)
        lines.extend(full)
    return [*lines, line]


def _pieces(word: str, weight: Weight, size: float, room: float) -> list[str]:
    """Return a word in pieces that fit; a single letter always does."""
    pieces, piece, used = list[str](), "", 0.0
    for letter in word:
        more = width(letter, weight, size)
        if piece and used + more > room:
            pieces.append(piece)
            piece, used = "", 0.0
        piece, used = piece + letter, used + more
    return [*pieces, piece]
