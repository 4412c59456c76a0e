"""A reader of queries: the forms a metering system needs, and a named refusal for all others."""

from tests.doubles.cosmos.errors import bad_request, unsupported
from tests.doubles.cosmos.sql_expressions import ExpressionReader, Words
from tests.doubles.cosmos.sql_syntax import Expression, Order, Path, Query, Selected

_UNSUPPORTED_WORDS = ("JOIN", "GROUP", "HAVING", "UNION")


def parse_query(text: str) -> Query:
    """Return the tree of a query."""
    return _QueryReader(Words(text)).read()


def parse_condition(text: str) -> Expression:
    """Return the tree of a patch's condition, as in `from c where c.state = 'open'`."""
    words = Words(text)
    words.expect("FROM")
    source = words.name()
    alias = words.name() if words.took("AS") else source
    words.expect("WHERE")
    condition = ExpressionReader(words, alias).read()
    words.expect_end()
    return condition


class _QueryReader:
    """Reads the clauses in their order; the select list is read last, once the alias is known."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def read(self) -> Query:
        words = self._words
        words.expect("SELECT")
        if words.took("DISTINCT"):
            raise unsupported("DISTINCT")
        source, alias = self._source_ahead()
        expressions = ExpressionReader(words, alias)
        top = expressions.primary() if words.took("TOP") else None
        is_value, selected = self._selected(expressions)
        self._skip_source()
        where, where_text = None, ""
        if words.took("WHERE"):
            start = words.at
            where = expressions.read()
            where_text = words.text_since(start)
        self._refuse_unsupported()
        order = self._order(expressions)
        offset, limit = self._window(expressions)
        words.expect_end()
        return Query(
            alias, source, selected, is_value, where, where_text, order, top, offset, limit
        )

    def _source_ahead(self) -> tuple[str, str]:
        """Return the text of the FROM clause and its alias, without moving on."""
        words = self._words
        place = words.at
        after_dot = False
        while not words.at_end() and (after_dot or not words.next_is("FROM")):
            after_dot = words.move_on().text == "."
        if words.at_end():
            raise unsupported("a query without FROM")
        start = words.at
        alias = self._skip_source()
        text = words.text_since(start)
        words.at = place
        return text, alias

    def _skip_source(self) -> str:
        words = self._words
        words.expect("FROM")
        source = words.name()
        if words.next_is("IN"):
            raise unsupported("FROM … IN")
        self._refuse_unsupported()
        if words.took("AS") or words.next_is_plain_name():
            return words.name()
        return source

    def _refuse_unsupported(self) -> None:
        for word in _UNSUPPORTED_WORDS:
            if self._words.next_is(word):
                raise unsupported(word)

    def _selected(self, expressions: ExpressionReader) -> tuple[bool, tuple[Selected, ...]]:
        words = self._words
        if words.took_sign("*"):
            return False, ()
        is_value = words.took("VALUE")
        selected = [self._one_selected(expressions, 1)]
        while words.took_sign(","):
            selected.append(self._one_selected(expressions, len(selected) + 1))
        if is_value and len(selected) > 1:
            raise bad_request("Syntax error: SELECT VALUE takes one expression.")
        return is_value, tuple(selected)

    def _one_selected(self, expressions: ExpressionReader, number: int) -> Selected:
        words = self._words
        start = words.at
        expression = expressions.read()
        text = words.text_since(start)
        if words.took("AS") or words.next_is_plain_name():
            return Selected(words.name(), expression, text)
        if isinstance(expression, Path):
            last = expression.steps[-1] if expression.steps else text
            if isinstance(last, str):
                return Selected(last, expression, text)
        return Selected(f"${number}", expression, text)

    def _order(self, expressions: ExpressionReader) -> Order | None:
        words = self._words
        if not words.took("ORDER"):
            return None
        words.expect("BY")
        start = words.at
        path = expressions.primary()
        if not isinstance(path, Path) or not path.steps:
            raise bad_request(
                "Unsupported ORDER BY clause. ORDER BY item expression could not be mapped to a"
                " document path."
            )
        text = words.text_since(start)
        descending = words.took("DESC")
        if not descending:
            words.took("ASC")
        if words.took_sign(","):
            raise unsupported("ORDER BY more than one property")
        return Order(path, text, descending)

    def _window(self, expressions: ExpressionReader) -> tuple[Expression | None, Expression | None]:
        words = self._words
        if not words.took("OFFSET"):
            return None, None
        offset = expressions.primary()
        words.expect("LIMIT")
        return offset, expressions.primary()
