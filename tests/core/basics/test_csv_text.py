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
        "\t=1",
        "\r=1",
        "\n=1",
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


@given(st.text())
def test_no_cell_begins_with_a_formula_however_it_is_written(text: str) -> None:
    cell = neutral(text)
    assert cell.lstrip(" \"'")[:1] not in set("=+-@") or cell.startswith("'")
    assert cell in {text, f"'{text}"}
