"""Strings that match a regular expression, drawn by its parts; it is never run against anything."""

from collections.abc import Callable
from functools import lru_cache
from re import _constants as op  # type: ignore[attr-defined, unused-ignore]
from re import _parser, error, sub  # type: ignore[attr-defined, unused-ignore]
from typing import Any, Final

from metering.core.basics.errors import MeteringError
from metering.local.gateway.models.draws import Draws

_MAX_PATTERN: Final = 1_000
#: A part that may repeat without end repeats at most so often more than it must.
_MORE: Final = 4
#: Repeats within repeats multiply: a longer match is refused when it is drawn.
_MAX_LENGTH: Final = 4_000
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_DIGITS: Final = "0123456789"
_USUAL: Final = f"{_LETTERS}{_LETTERS.upper()}{_DIGITS} -_.,:;/@#!?"
_CATEGORIES: Final = {
    op.CATEGORY_DIGIT: _DIGITS,
    op.CATEGORY_WORD: f"{_LETTERS}{_DIGITS}_",
    op.CATEGORY_SPACE: " ",
    op.CATEGORY_NOT_DIGIT: _LETTERS,
    op.CATEGORY_NOT_WORD: "-.:/",
    op.CATEGORY_NOT_SPACE: f"{_LETTERS}{_DIGITS}",
}


class PatternInvalid(MeteringError):
    """A pattern cannot be read, or has a part that no string can be drawn for."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@lru_cache(maxsize=256)
def _parse(pattern: str) -> Any:
    # JSON Schema names groups as ECMAScript does.
    return _parser.parse(sub(r"\(\?<(?![=!])", "(?P<", pattern))


def parsed(pattern: Any) -> Any:
    """Return the parts of a pattern. Raises PatternInvalid."""
    if not isinstance(pattern, str) or len(pattern) > _MAX_PATTERN:
        raise PatternInvalid(f"it is no text of at most {_MAX_PATTERN} characters")
    try:
        parts = _parse(pattern)
        matching(pattern, Draws(b""))
    except (error, OverflowError, RecursionError) as fault:
        raise PatternInvalid(f"{fault}") from None
    return parts


def matching(pattern: str, draws: Draws, more: int = _MORE) -> str:
    """Return a string that matches a whole pattern; `more`: how often open parts repeat at most."""
    made = _Made(draws, more)
    made.add(_parse(pattern))
    return "".join(made.text)


class _Made:
    """A match in the making."""

    def __init__(self, draws: Draws, more: int) -> None:
        self.text: list[str] = []
        self._draws = draws
        self._more = more

    def add(self, parts: Any) -> None:
        """Add a match of each part in turn."""
        for kind, value in parts:
            self._add(kind, value)
            if len(self.text) > _MAX_LENGTH:
                raise PatternInvalid(f"its matches are longer than {_MAX_LENGTH} characters")

    def _add(self, kind: Any, value: Any) -> None:
        if kind is op.LITERAL:
            self.text.append(chr(value))
        elif kind in {op.ANY, op.NOT_LITERAL, op.IN}:
            self.text.append(self._draws.choice(_characters(kind, value)))
        elif kind is op.BRANCH:
            self.add(self._draws.choice(value[1]))
        elif kind is op.SUBPATTERN:
            self.add(value[-1])
        elif kind in {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}:
            least, most, inner = value
            for _ in range(self._draws.randint(least, min(most, least + self._more))):
                self.add(inner)
                if len(self.text) > _MAX_LENGTH:
                    break
        elif kind is op.ATOMIC_GROUP:
            self.add(value)
        elif kind is not op.AT:
            raise PatternInvalid("look-around and references to groups are not supported")


def _characters(kind: Any, value: Any) -> str:
    """Return usual characters that a part of one character matches."""
    if kind is op.ANY:
        return _LETTERS
    if kind is op.NOT_LITERAL:
        return _USUAL.replace(chr(value), "")
    if value[0][0] is not op.NEGATE:
        return "".join(_in_class(*one) for one in value)
    allowed = _USUAL
    for one in value[1:]:
        allowed = _without(allowed, *one)
    if not allowed:
        raise PatternInvalid("a class leaves no usual character")
    return allowed


def _without(allowed: str, kind: Any, value: Any) -> str:
    """Return what of the allowed characters is in no part of a negated class."""
    if kind is not op.CATEGORY:
        return "".join(one for one in allowed if one not in _in_class(kind, value))
    is_in = _IN_CATEGORY[_OPPOSITE.get(value, value)]
    return "".join(one for one in allowed if is_in(one) == (value in _OPPOSITE))


def _in_class(kind: Any, value: Any) -> str:
    if kind is op.RANGE:
        first, last = value
        return "".join(map(chr, range(first, min(last, first + 127) + 1)))
    return chr(value) if kind is op.LITERAL else _CATEGORIES[value]


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


_IN_CATEGORY: Final[dict[Any, Callable[[str], bool]]] = {
    op.CATEGORY_DIGIT: str.isdigit,
    op.CATEGORY_WORD: _is_word,
    op.CATEGORY_SPACE: str.isspace,
}
_OPPOSITE: Final = {
    op.CATEGORY_NOT_DIGIT: op.CATEGORY_DIGIT,
    op.CATEGORY_NOT_WORD: op.CATEGORY_WORD,
    op.CATEGORY_NOT_SPACE: op.CATEGORY_SPACE,
}
