"""Units as FOCUS writes them: capitalised words, plural where they count."""

import re
from typing import Final

#: Lists of prices are by the million.
MILLION_TOKENS: Final = "1000000 Tokens"
TOKENS: Final = "Tokens"
_NO_WORD: Final = re.compile(r"[^A-Za-z0-9]+")
_PLURALS: Final = {"request": "Requests", "period": "Periods", "package": "Packages"}


def unit_name(unit: str) -> str:
    """Return what a line counts in the form of units: `vector-query` is `Vector Query`.

    Source: FOCUS 1.2, unit format. A name that begins with no letter gets `Unit` before it.
    """
    if unit in _PLURALS:
        return _PLURALS[unit]
    words = [word[:1].upper() + word[1:] for word in _NO_WORD.split(unit) if word]
    if not words or not words[0][0].isalpha() or not all(word[0].isalpha() for word in words):
        return " ".join(["Unit", *(f"N{word}" if word[0].isdigit() else word for word in words)])
    return " ".join(words)
