"""Price files as sources write them."""

import json
import subprocess
import sys
from decimal import Decimal

import pytest

from metering.adapters.prices.price_import import (
    Origin,
    SourceRow,
    plain,
    price_import,
    with_lines,
)
from metering.core.basics.errors import ConfigurationError
from metering.core.prices.price_file import read_price_file
from tests.builders import price_file

ORIGIN = Origin("a test", "", "2026-11-20", "")


def row(model: str, price: str = "2.50") -> SourceRow:
    return SourceRow(
        model,
        (),
        "openai",
        "microsoft",
        "global",
        None,
        "standard",
        None,
        "2026-01-01T00:00:00Z",
        {"input": Decimal(price)},
        {"input": f"{model} Inp glbl Tokens"},
        {"input": "1M"},
    )


def test_the_order_of_the_rows_does_not_change_a_byte() -> None:
    one, other = row("a"), row("b")

    first = price_import("v1", "USD", ORIGIN, rows=[one, other], skipped=())
    second = price_import("v1", "USD", ORIGIN, rows=[other, one], skipped=())

    assert first == second
    assert [line["model"] for line in json.loads(first.content)["prices"]] == ["a", "b"]


def test_a_source_that_prices_a_place_twice_gives_no_file() -> None:
    with pytest.raises(ConfigurationError, match="two prices for a/global"):
        price_import("v1", "USD", ORIGIN, rows=[row("a"), row("a", "3")], skipped=())


def test_a_part_of_a_file_is_a_file() -> None:
    whole = price_file({"model": "a"}, {"model": "b"}, {"model": "c"})

    part = with_lines(whole, [True, False, True])

    assert [name for name, _ in read_price_file("part", part)] == ["a", "c"]
    # Named after what is left of it: another part is another version.
    assert json.loads(part)["version"].startswith(json.loads(whole)["version"] + "-")
    assert part == with_lines(whole, [True, False, True])
    assert json.loads(with_lines(whole, [True, True, False]))["version"] not in part.decode()


@pytest.mark.parametrize(
    ("price", "text"),
    [("2.50", "2.5"), ("1E+1", "10"), ("1E-6", "0.000001"), ("100", "100"), ("0.0", "0")],
)
def test_a_price_is_written_without_exponent_and_trailing_zeros(price: str, text: str) -> None:
    assert plain(Decimal(price)) == text


def test_the_command_line_does_not_load_the_packages_of_the_sources() -> None:
    loaded = "import sys, metering.cli.prices.price_import; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, timeout=60, check=True
    )

    assert not {"genai_prices", "azure_genai_prices", "httpx"} & set(done.stdout.split())
