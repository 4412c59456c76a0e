"""Bicep parameter files (`.bicepparam`): the literal values of their parameters.

Only literals are read: texts, numbers, true, false, null, arrays and objects. A parameter with an
expression is left out. Source: the Bicep file reference for parameters files (Microsoft Learn,
2026).
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from metering.adapters.files import MAX_DEPTH, MAX_FILE_BYTES
from metering.core.basics.errors import ConfigurationError

_TOKEN: Final = re.compile(
    r"(?P<space>[ \t\r]+|//[^\n]*|/\*.*?\*/|#[^\n]*)"
    r"|(?P<text>'''.*?'''|'(?:[^'\\\n]|\\.)*')"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<number>-?[0-9]+)"
    r"|(?P<mark>.|\n)",
    re.DOTALL,
)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_WORDS: Final = {"true": True, "false": False, "null": None}


class _Token(NamedTuple):
    kind: str
    text: str


class _NotLiteral(Exception):
    """The value of a parameter is an expression."""


def read_bicep_parameters(path: Path) -> dict[str, object]:
    """Return the parameters of a file with literal values; ConfigurationError names the file."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigurationError(f"{path}: is larger than {MAX_FILE_BYTES} bytes")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    return dict(_parameters(text))


def _parameters(text: str) -> Iterator[tuple[str, object]]:
    tokens = [
        _Token(str(found.lastgroup), found[0])
        for found in _TOKEN.finditer(text)
        if found.lastgroup != "space"
    ]
    for place in range(len(tokens) - 2):
        keyword, name, equals = tokens[place : place + 3]
        begins = place == 0 or tokens[place - 1].text == "\n"
        if begins and keyword.text == "param" and name.kind == "word" and equals.text == "=":
            try:
                yield name.text, _Reader(tokens, place + 3).value(0)
            except _NotLiteral:
                continue


class _Reader:
    """Reads one value from tokens."""

    def __init__(self, tokens: list[_Token], place: int) -> None:
        self._tokens = tokens
        self._place = place

    def value(self, depth: int) -> object:
        """Return the value that begins here."""
        if depth > MAX_DEPTH:
            raise _NotLiteral
        token = self._next()
        if token.kind == "text":
            return _text(token.text)
        if token.kind == "number":
            return int(token.text)
        if token.text in _WORDS:
            return _WORDS[token.text]
        if token.text == "[":
            return [*self._array(depth)]
        if token.text == "{":
            return dict(self._object(depth))
        raise _NotLiteral

    def _array(self, depth: int) -> Iterator[object]:
        while not self._ends("]"):
            yield self.value(depth + 1)

    def _object(self, depth: int) -> Iterator[tuple[str, object]]:
        while not self._ends("}"):
            name = self._next()
            key = _text(name.text) if name.kind == "text" else name.text
            if self._next().text != ":":
                raise _NotLiteral
            yield key, self.value(depth + 1)

    def _ends(self, mark: str) -> bool:
        """Go past separators, and past the end if it comes next."""
        while self._peek().text in {"\n", ","}:
            self._place += 1
        is_end = self._peek().text == mark
        self._place += is_end
        return is_end

    def _peek(self) -> _Token:
        if self._place >= len(self._tokens):
            raise _NotLiteral
        return self._tokens[self._place]

    def _next(self) -> _Token:
        token = self._peek()
        self._place += 1
        return token


def _text(written: str) -> str:
    if written.startswith("'''"):
        return written[3:-3].removeprefix("\n")
    inner = written[1:-1]
    if "${" in inner.replace(r"\${", ""):
        raise _NotLiteral
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner)
