"""Tables in a pipe: drawn without rich, in the characters that rich uses on a terminal."""

from contextlib import redirect_stdout
from io import StringIO
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metering.cli.output import print_table

#: Without what rich reads as markup or emoji, and without outer blanks, which it trims.
_CELLS: Final = st.text("abc XYZ-.1290/,_()%é顧客", max_size=12).map(str.strip)
_NAMES: Final = st.text("abcXYZ-", min_size=1, max_size=3)
_TABLES: Final = st.integers(1, 5).flatmap(
    lambda width: st.tuples(
        _NAMES,
        st.lists(_NAMES, min_size=width, max_size=width),
        st.lists(st.lists(_CELLS, min_size=width, max_size=width), max_size=4),
        st.integers(0, width),
    )
)

type _Table = tuple[str, list[str], list[list[str]], int]


class _Terminal(StringIO):
    """A terminal that shows no styles: wide enough, by the variable COLUMNS."""

    def isatty(self) -> bool:
        return True


def _printed(table: _Table, out: StringIO) -> list[str]:
    title, columns, rows, left = table
    with redirect_stdout(out):
        print_table(title, columns, rows, left=left)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_a_piped_table_has_the_very_characters_of_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("TERM", "dumb")

    @settings(max_examples=100, deadline=None)
    @given(_TABLES)
    def same(table: _Table) -> None:
        assert _printed(table, StringIO()) == _printed(table, _Terminal())

    same()


def test_a_wide_table_is_not_folded_and_markup_is_printed_as_it_is() -> None:
    long = "[red]:x:" + "a" * 300

    assert _printed(("t", ["a", "b"], [[long, "1"]], 1), StringIO()) == [
        "t",
        f"┏{'━' * 310}┳━━━┓",
        f"┃ a{' ' * 307} ┃ b ┃",
        f"┡{'━' * 310}╇━━━┩",
        f"│ {long} │ 1 │",
        f"└{'─' * 310}┴───┘",
    ]
