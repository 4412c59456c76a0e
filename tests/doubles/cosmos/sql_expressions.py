"""A reader of expressions, and the words that it and the reader of queries take one by one."""

from collections.abc import Callable

from tests.doubles.cosmos.errors import Refusal, bad_request, unsupported
from tests.doubles.cosmos.sql_syntax import (
    AGGREGATES,
    ArrayOf,
    Call,
    Comparison,
    Expression,
    Junction,
    Literal,
    Membership,
    Not,
    ObjectOf,
    Parameter,
    Path,
    Undefined,
)
from tests.doubles.cosmos.sql_tokens import Token, tokens_of

_COMPARISONS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_FUNCTIONS = {"IS_DEFINED": 1, "ARRAY_CONTAINS": 2, "STARTSWITH": 2}
_CONSTANTS = {"TRUE": True, "FALSE": False, "NULL": None}
_KEYWORDS = frozenset(
    {"SELECT", "TOP", "VALUE", "DISTINCT", "FROM", "WHERE", "ORDER", "BY", "ASC", "DESC", "OFFSET"}
    | {"LIMIT", "AND", "OR", "NOT", "IN", "AS", "GROUP", "JOIN", "BETWEEN", "LIKE", "HAVING"}
    | {"UNION", "EXISTS"}
)
_RESERVED = _KEYWORDS | _CONSTANTS.keys() | {"UNDEFINED"}


class Words:
    """The tokens of a text and the place up to which they are read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokens_of(text)
        self.at = 0

    @property
    def next(self) -> Token:
        """Return the token to read."""
        return self._tokens[self.at]

    def move_on(self) -> Token:
        """Take the next token."""
        token = self.next
        self.at += 1
        return token

    def at_end(self) -> bool:
        """Tell whether all is read."""
        return self.next.kind == "end"

    def next_is(self, word: str) -> bool:
        """Tell whether a certain word is next."""
        return self.next.is_word(word)

    def next_is_plain_name(self) -> bool:
        """Tell whether a name is next that is no keyword; those stand in brackets only."""
        return self.next.kind == "word" and self.next.text.upper() not in _RESERVED

    def next_is_comparison(self) -> bool:
        """Tell whether a comparing sign is next."""
        return self.next.kind == "sign" and self.next.text in _COMPARISONS

    def took(self, word: str) -> bool:
        """Take a word if it is next."""
        found = self.next_is(word)
        self.at += found
        return found

    def took_sign(self, sign: str) -> bool:
        """Take a sign if it is next."""
        found = self.next.kind == "sign" and self.next.text == sign
        self.at += found
        return found

    def expect(self, word: str) -> None:
        """Take a word, or refuse the query."""
        if not self.took(word):
            raise self.error()

    def expect_sign(self, sign: str) -> None:
        """Take a sign, or refuse the query."""
        if not self.took_sign(sign):
            raise self.error()

    def expect_end(self) -> None:
        """Refuse anything that is left."""
        if not self.at_end():
            raise self.error()

    def name(self) -> str:
        """Take a name that is no keyword."""
        if not self.next_is_plain_name():
            raise self.error()
        return self.move_on().text

    def text_since(self, start: int) -> str:
        """Return the text of the tokens read since a place."""
        return self._text[self._tokens[start].start : self._tokens[self.at - 1].end]

    def error(self) -> Refusal:
        """Return the refusal of what is next."""
        return bad_request(
            f"Syntax error near {self.next.text!r}: wrong, or not supported by the peer for tests."
        )


class ExpressionReader:
    """Reads expressions about the item that the alias names, loosest operators first."""

    def __init__(self, words: Words, alias: str) -> None:
        self._words = words
        self._alias = alias

    def read(self) -> Expression:
        """Read one expression."""
        return self._junction("OR", lambda: self._junction("AND", self._negation))

    def _junction(self, word: str, part: Callable[[], Expression]) -> Expression:
        parts = [part()]
        while self._words.took(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else Junction(word, tuple(parts))

    def _negation(self) -> Expression:
        """Read NOT of one thing; before a comparison it needs brackets, as it binds closer."""
        words = self._words
        if not words.took("NOT"):
            return self._comparison()
        negated = Not(self._negation() if words.next_is("NOT") else self.primary())
        if words.next_is_comparison():
            raise bad_request("Syntax error: put brackets around the comparison after NOT.")
        return negated

    def _comparison(self) -> Expression:
        words, left = self._words, self.primary()
        if words.next_is_comparison():
            operator = words.move_on().text
            return Comparison("!=" if operator == "<>" else operator, left, self.primary())
        if words.took("IN"):
            return self._membership(left)
        if words.took("BETWEEN"):
            low = self.primary()
            words.expect("AND")
            high = self.primary()
            return Junction("AND", (Comparison(">=", left, low), Comparison("<=", left, high)))
        if words.took("NOT"):
            words.expect("IN")
            return Not(self._membership(left))
        return left

    def _membership(self, of: Expression) -> Expression:
        self._words.expect_sign("(")
        return Membership(of, self._list_until(")"))

    def primary(self) -> Expression:
        """Read a value, a property, a function or something in brackets."""
        words = self._words
        if words.took_sign("("):
            inner = self.read()
            words.expect_sign(")")
            return inner
        if words.took_sign("["):
            return ArrayOf(self._list_until("]"))
        if words.took_sign("{"):
            return self._object()
        if words.next.kind == "value":
            return Literal(words.move_on().value)
        if words.next.kind == "parameter":
            return Parameter(words.move_on().text)
        return self._word()

    def _word(self) -> Expression:
        words = self._words
        token = words.next
        upper = token.text.upper()
        if token.kind != "word" or upper in _KEYWORDS:
            raise words.error()
        words.move_on()
        if words.took_sign("("):
            return self._call(token.text)
        if upper in _CONSTANTS:
            return Literal(_CONSTANTS[upper])
        if upper == "UNDEFINED":
            return Undefined()
        if token.text != self._alias:
            raise bad_request(f"Identifier '{token.text}' could not be resolved.")
        return Path(self._steps())

    def _steps(self) -> tuple[str | int, ...]:
        words = self._words
        steps: list[str | int] = []
        while True:
            if words.took_sign("."):
                steps.append(words.name())
            elif words.took_sign("["):
                step = words.move_on().value
                if isinstance(step, bool) or not isinstance(step, str | int):
                    raise words.error()
                steps.append(step)
                words.expect_sign("]")
            else:
                return tuple(steps)

    def _call(self, name: str) -> Expression:
        upper = name.upper()
        wanted = 1 if upper in AGGREGATES else _FUNCTIONS.get(upper)
        if wanted is None:
            raise unsupported(f"the function {name}")
        arguments = self._list_until(")")
        if len(arguments) != wanted:
            raise unsupported(f"{upper} with {len(arguments)} arguments")
        return Call(upper, arguments)

    def _list_until(self, sign: str) -> tuple[Expression, ...]:
        words = self._words
        parts: list[Expression] = []
        while not words.took_sign(sign):
            if parts:
                words.expect_sign(",")
            parts.append(self.read())
        return tuple(parts)

    def _object(self) -> Expression:
        words = self._words
        parts: list[tuple[str, Expression]] = []
        while not words.took_sign("}"):
            if parts:
                words.expect_sign(",")
            name = words.move_on()
            words.expect_sign(":")
            text = name.value if isinstance(name.value, str) else name.text
            parts.append((text, self.read()))
        return ObjectOf(tuple(parts))
