"""The part of KQL that alert rules and the status page use, evaluated over rows of a test.

Tabular operators: where, summarize, project, join kind=leftouter, mv-expand, datatable. Nulls are
None: `sum` over nothing is 0, `max` over nothing is null, and a comparison with null is false, as
Kusto documents. Anything else raises, so that a query outside this part fails its test.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

type Row = dict[str, Any]
type Tables = Mapping[str, Sequence[Row]]
type Expr = Callable[[Row, Sequence[Row]], Any]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'[^']*')|(?P<number>\d+(?:\.\d+)?[hmd]?)|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>==|!=|<=|>=|[<>=|()\[\],.+*/:-]))"
)
_HOURS: Final = {"m": 1 / 60, "h": 1, "d": 24}


def evaluate(query: str, tables: Tables) -> list[Row]:
    """Return the rows of a query over tables; `timestamp` counts hours, and now is 0."""
    reader = _Reader(query)
    rows = reader.pipeline(tables)
    reader.end()
    return rows


class _Reader:
    def __init__(self, query: str) -> None:
        self._tokens = [
            (found.lastgroup or "", found[found.lastgroup or 0]) for found in _TOKEN.finditer(query)
        ]
        rest = _TOKEN.sub("", query).strip()
        assert not rest, f"not read: {rest}"
        self._at = 0

    def end(self) -> None:
        assert self._at == len(self._tokens), f"not read: {self._tokens[self._at :]}"

    def pipeline(self, tables: Tables) -> list[Row]:
        name = self._take()
        rows = self._datatable() if name == "datatable" else [dict(row) for row in tables[name]]
        while self._next() == "|":
            self._take()
            match self._take():
                case "where":
                    condition = self._expression()
                    rows = [row for row in rows if condition(row, ())]
                case "summarize":
                    rows = self._summarize(rows)
                case "project":
                    items = list(self._items())
                    rows = [{name: each(row, ()) for name, each in items} for row in rows]
                case "join":
                    rows = self._join(rows, tables)
                case "mv-expand":
                    (name, each), *_ = list(self._items())
                    rows = [{**row, name: one} for row in rows for one in each(row, ())]
                case other:
                    raise NotImplementedError(other)
        return rows

    def _datatable(self) -> list[Row]:
        self._expect("(")
        column = self._name()
        for sign in (":", "string", ")", "["):
            self._expect(sign)
        values = [self._take().strip("'")]
        while self._take() == ",":
            values.append(self._take().strip("'"))
        return [{column: value} for value in values]

    def _join(self, rows: list[Row], tables: Tables) -> list[Row]:
        for sign in ("kind", "=", "leftouter", "("):
            self._expect(sign)
        right = self.pipeline(tables)
        self._expect(")")
        self._expect("on")
        key = self._name()
        columns = {name for row in right for name in row} | {"runs"}
        joined = []
        for row in rows:
            matches = [one for one in right if one[key] == row[key]] or [dict.fromkeys(columns)]
            joined += [{**match, **row} for match in matches]
        return joined

    def _summarize(self, rows: list[Row]) -> list[Row]:
        figures = list(self._items())
        groups: dict[tuple[Any, ...], list[Row]] = {}
        keys: list[tuple[str, Expr]] = []
        if self._next() == "by":
            self._take()
            keys = list(self._items())
            for row in rows:
                groups.setdefault(tuple(each(row, ()) for _, each in keys), []).append(row)
        else:
            # Without `by` there is a row also where nothing came.
            groups[()] = rows
        return [
            {
                **{name: value for (name, _), value in zip(keys, key, strict=True)},
                **{name: each({}, group) for name, each in figures},
            }
            for key, group in groups.items()
        ]

    def _items(self) -> Iterator[tuple[str, Expr]]:
        while True:
            start = self._at
            name = self._name() if self._is_name() else ""
            if name and self._next() == "=":
                self._take()
                yield name, self._expression()
            else:
                self._at = start
                yield name, self._expression()
            if self._next() != ",":
                return
            self._take()

    def _is_name(self) -> bool:
        kind, text = self._tokens[self._at]
        return kind == "name" or text == "["

    def _name(self) -> str:
        if self._next() == "[":
            self._take()
            name = self._take().strip("'")
            self._expect("]")
            return name
        return self._take()

    # --------------------------------------------------------------- expressions

    def _expression(self) -> Expr:
        left = self._conjunction()
        while self._next() == "or":
            self._take()
            left = _either(left, self._conjunction())
        return left

    def _conjunction(self) -> Expr:
        left = self._comparison()
        while self._next() == "and":
            self._take()
            left = _both(left, self._comparison())
        return left

    def _comparison(self) -> Expr:
        left = self._sum()
        sign = self._next()
        if sign in _COMPARED:
            self._take()
            return _of(_COMPARED[sign], left, self._sum())
        if sign == "in":
            self._take()
            self._expect("(")
            choices = self._arguments()
            return lambda row, group: left(row, group) in [one(row, group) for one in choices]
        return left

    def _sum(self) -> Expr:
        left = self._product()
        while (sign := self._next()) in {"+", "-"}:
            self._take()
            left = _of(_COUNTED[sign], left, self._product())
        return left

    def _product(self) -> Expr:
        left = self._primary()
        while (sign := self._next()) in {"*", "/"}:
            self._take()
            left = _of(_COUNTED[sign], left, self._primary())
        return left

    def _primary(self) -> Expr:
        kind, text = self._tokens[self._at]
        if text == "(":
            self._take()
            inner = self._expression()
            self._expect(")")
            return inner
        if kind == "text":
            self._take()
            return lambda _row, _group: text[1:-1]
        if kind == "number":
            self._take()
            value = float(text[:-1]) * _HOURS[text[-1]] if text[-1] in _HOURS else float(text)
            return lambda _row, _group: value
        name = self._name()
        if self._next() == "(":
            self._take()
            return _call(name, self._arguments())
        found: Expr = lambda row, _group: row[name]  # noqa: E731, an expression like the others
        while self._next() in {".", "["}:
            if self._next() == ".":
                self._take()
            found = _member(found, self._name())
        return found

    def _arguments(self) -> list[Expr]:
        found: list[Expr] = []
        while self._next() != ")":
            found.append(self._expression())
            if self._next() == ",":
                self._take()
        self._take()
        return found

    def _next(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1][1]

    def _expect(self, text: str) -> None:
        taken = self._take()
        assert taken == text, f"{taken!r} instead of {text!r}"


_COMPARED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "==": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    ">": lambda one, other: one > other,
    "<=": lambda one, other: one <= other,
    ">=": lambda one, other: one >= other,
}
_COUNTED: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
    "/": lambda one, other: one / other if other else None,
}
_PLAIN: Final[dict[str, Callable[..., Any]]] = {
    "tostring": lambda value: "" if value is None else str(value),
    "toreal": lambda value: None if value is None else float(value),
    "tobool": bool,
    "round": lambda value, digits: None if value is None else round(value, int(digits)),
    "isnull": lambda value: value is None,
    "isnotnull": lambda value: value is not None,
    "coalesce": lambda *values: next((one for one in values if one is not None), None),
    "max_of": lambda *values: max(one for one in values if one is not None),
    "iff": lambda condition, then, other: then if condition else other,
    "ago": lambda hours: -hours,
    "pack_array": lambda *values: list(values),
    "bag_pack": lambda *parts: dict(zip(parts[::2], parts[1::2], strict=True)),
}
_AGGREGATES: Final = frozenset({"sum", "sumif", "max", "maxif", "count"})


def _call(name: str, arguments: list[Expr]) -> Expr:
    if name not in _AGGREGATES:
        plain = _PLAIN[name]
        return lambda row, group: plain(*(each(row, group) for each in arguments))

    def aggregate(_row: Row, group: Sequence[Row]) -> Any:
        if name.endswith("if"):
            group = [row for row in group if arguments[1](row, ())]
        if name == "count":
            return len(group)
        values = [arguments[0](row, ()) for row in group]
        known = [value for value in values if value is not None]
        if name.startswith("sum"):
            return sum(known)
        return max(known, default=None)

    return aggregate


def _of(what: Callable[[Any, Any], Any], left: Expr, right: Expr) -> Expr:
    def both(row: Row, group: Sequence[Row]) -> Any:
        one, other = left(row, group), right(row, group)
        return None if one is None or other is None else what(one, other)

    return both


def _both(left: Expr, right: Expr) -> Expr:
    return lambda row, group: bool(left(row, group)) and bool(right(row, group))


def _either(left: Expr, right: Expr) -> Expr:
    return lambda row, group: bool(left(row, group)) or bool(right(row, group))


def _member(of: Expr, name: str) -> Expr:
    return lambda row, group: (of(row, group) or {}).get(name)
