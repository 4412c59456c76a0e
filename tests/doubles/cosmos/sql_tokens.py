"""A query's text cut into words, values and signs."""

import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from tests.doubles.cosmos.errors import bad_request

type TokenKind = Literal["word", "value", "parameter", "sign", "end"]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | (?P<double>"(?:[^"\\]|\\.)*")
      | (?P<single>'(?:[^'\\]|\\.)*')
      | (?P<parameter>@\w+)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<sign><>|!=|<=|>=|[=<>()\[\]{},.:*])
    )""",
    re.VERBOSE,
)
_ESCAPED_IN_SINGLE = re.compile(r"\\(.)|\"", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Token:
    """A word, value or sign, and where it stands in the text."""

    kind: TokenKind
    text: str
    value: Any
    start: int
    end: int

    def is_word(self, word: str) -> bool:
        """Tell whether this is a certain word, in capitals or not."""
        return self.kind == "word" and self.text.upper() == word


def tokens_of(text: str) -> list[Token]:
    """Return a query's tokens, the end last."""
    found: list[Token] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            near = text[at:].strip()[:20]
            raise bad_request(f"Syntax error near {near!r}: the peer for tests cannot read it.")
        at = match.end()
        found.append(_token(match.lastgroup, match))
    found.append(Token("end", "the end of the query", None, len(text), len(text)))
    return found


def _token(group: str, match: re.Match[str]) -> Token:
    text, start, end = match[group], match.start(group), match.end(group)
    if group == "number":
        return Token("value", text, json.loads(text), start, end)
    if group in {"double", "single"}:
        return Token("value", text, _string(text), start, end)
    kind: TokenKind = "parameter" if group == "parameter" else "word" if group == "word" else "sign"
    return Token(kind, text, None, start, end)


def _string(text: str) -> str:
    if text[0] == "'":
        inner = _ESCAPED_IN_SINGLE.sub(_as_in_double, text[1:-1])
        text = f'"{inner}"'
    try:
        return str(json.loads(text, strict=False))
    except ValueError as error:
        raise bad_request(f"Syntax error: {text} is no string.") from error


def _as_in_double(match: re.Match[str]) -> str:
    if match[0] == '"':
        return '\\"'
    return "'" if match[1] == "'" else match[0]
