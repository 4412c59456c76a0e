"""CSV: RFC 4180, and no text of others that a spreadsheet would run."""

import csv
import io

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from metering.core.basics.csv_text import Figure, csv_line, figure, neutral
from metering.core.basics.money import parse_amount


def test_a_line_is_separated_by_commas_and_ends_as_rfc_4180_says() -> None:
    assert csv_line(["a", 1, Figure("0.5"), None, ""]) == 'a,1,0.5,,""\r\n'


def test_text_that_would_be_taken_apart_is_quoted() -> None:
    assert csv_line(["a,b", 'say "x"', "two\nlines", " edge "]) == (
        '"a,b","say ""x""","two\nlines"," edge "\r\n'
    )


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t\t1",
        " =1",
        '"=1"',
        "'=1",
        " ' \"=1",
        "\u00a0=1",
        "\ufeff=1",
        "\uff1d1",
        "\tx",
    ],
)
def test_a_formula_is_neutralised(text: str) -> None:
    assert neutral(text) == f"'{text}"
    assert next(csv.reader(io.StringIO(csv_line([text]), newline=""))) == [f"'{text}"]


@pytest.mark.parametrize("text", ["", "acme", "a=b", "gpt-4o", "'quoted'", "3-4", " x"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


def test_numbers_of_ours_stay_numbers() -> None:
    assert csv_line([-3, figure(parse_amount("-0.5")), figure(None)]) == "-3,-0.5,\r\n"


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\x00")), min_size=1))
@example(["=", ""])
def test_a_reader_gets_the_neutral_texts_back(texts: list[str]) -> None:
    line = csv_line(texts)
    assert next(csv.reader(io.StringIO(line, newline=""), strict=True)) == [
        neutral(text) for text in texts
    ]


@pytest.mark.parametrize(
    ("text", "disarmed"),
    [
        ("a;=1", "a;'=1"),
        ("a\t=1", "a\t'=1"),
        ("a|@x", "a|'@x"),
        ("a\n=1", "a\n'=1"),
        ('a; "-1', "a;' \"-1"),
        ("\t=1", "'\t'=1"),
        ("a;b", "a;b"),
    ],
)
def test_a_formula_after_another_separator_is_neutralised(text: str, disarmed: str) -> None:
    assert neutral(text) == disarmed


#: Texts of the characters that make or divide cells, and of any others.
HOSTILE = st.text(st.sampled_from(";\t|,\r\n\"'=+-@ a\uff1d")) | st.text(
    st.characters(exclude_characters="\x00")
)


@given(st.lists(HOSTILE, min_size=1), st.sampled_from(",;\t|"))
@example(["a", "b;=1"], ";")
@example(["a", 'b";=1'], ";")
@example(["a,b", "\n=1"], ";")
def test_no_cell_begins_with_a_formula_whatever_divides_the_line(
    texts: list[str], separator: str
) -> None:
    content = io.StringIO(csv_line(texts), newline="")
    for row in csv.reader(content, delimiter=separator):
        for cell in row:
            assert cell.lstrip(' "\u00a0\ufeff\u200b')[:1] not in set("=+-@\uff1d"), cell


@given(st.text())
def test_what_was_meant_is_what_is_left_without_the_quotes(text: str) -> None:
    assert neutral(text).replace("'", "") == text.replace("'", "")


def test_more_different_cells_than_are_kept_are_written_as_they_are() -> None:
    cells = [f"{'=' if number % 2 else ''}{number}" for number in range(10_000)]
    written = [f"{chr(39) if number % 2 else ''}{cell}" for number, cell in enumerate(cells)]
    assert csv_line([*cells, *cells]) == ",".join([*written, *written]) + "\r\n"
