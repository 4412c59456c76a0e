"""Prices of the operator's own: CSV, YAML or JSON, with file, line and field of what is wrong."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from metering.adapters.prices.operator_file import file_prices
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import parse_instant
from metering.core.prices.price_book import PriceBook, PriceKey
from metering.core.prices.price_file import read_price_file
from metering.core.usage.buckets import INDEX
from tests.builders import price_file

CSV = """\
model,effective_from,input,cached_read,output,aliases,deployment_type,region,above_tokens
house-7b,2026-03-01,0.4,0.1,1.6,house;house-7b-v2,,,
house-7b,2026-03-01T12:00:00+01:00,0.8,,3.2,,regional,westeurope,128000
"""
YAML = """\
currency: USD
version: contract-2026
prices:
  - model: house-7b
    effective_from: 2026-03-01
    per_million_tokens: {input: "0.4", output: "1.6"}

  - model: house-7b
    effective_from: "2026-06-01"
    per_million_tokens:
      input: "0.3"
      output: "1.2"
"""


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_csv_gives_a_price_file_that_the_book_takes(tmp_path: Path) -> None:
    found = file_prices(write(tmp_path, "house.csv", CSV), "USD")

    book = PriceBook(read_price_file(found.version, found.content))
    row = book.find("house-7b-v2", parse_instant("2026-03-01T00:00:00Z"), PriceKey())
    long = book.find(
        "house-7b",
        parse_instant("2026-03-01T11:00:00Z"),
        PriceKey("regional", "westeurope"),
        long_context=True,
    )
    assert row is not None
    # 0.4 a million is 400,000 x 10^-12 a token.
    assert row.prices[INDEX["input"]] == 400_000
    assert (row.version, row.currency) == ("house", "USD")
    assert long is not None
    assert (long.above_tokens, long.prices[INDEX["cached_read"]]) == (128_000, None)


def test_yaml_and_json_have_the_same_fields(tmp_path: Path) -> None:
    from_yaml = file_prices(write(tmp_path, "house.yaml", YAML), "USD")
    as_json = {
        "currency": "USD",
        "version": "contract-2026",
        "prices": [
            {
                "model": row.model,
                "effective_from": row.effective_from,
                "per_million_tokens": {
                    bucket: str(price) for bucket, price in row.per_million_tokens.items()
                },
            }
            for row in from_yaml.rows
        ],
    }
    from_json = file_prices(write(tmp_path, "house.json", json.dumps(as_json)), "USD")

    assert from_yaml.version == "contract-2026"
    assert [row.per_million_tokens["input"] for row in from_yaml.rows] == [
        Decimal("0.4"),
        Decimal("0.3"),
    ]
    assert from_json.rows == from_yaml.rows


def test_a_file_in_the_committed_format_stays_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(price_file({}, version="v7"))

    found = file_prices(path, "USD")

    assert (found.version, found.content) == ("v7", path.read_bytes())


HEADER = "model,effective_from,input,output\n"


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("m,2026-01-01,-1,2\n", r":2: per_million_tokens.input: .*'-1' is negative"),
        ("m,2026-01-01,1e-3,2\n", r":2: per_million_tokens.input: .*not a plain decimal"),
        ("m,2026-01-01,0.0000001,2\n", r":2: .*more than 6 decimals"),
        ("m,2026-01-01,1,2\n\nm,soon,1,2\n", r":4: effective_from: "),
        ("m,2026-01-01T00:00:00,1,2\n", r":2: effective_from: .*no time zone"),
        ("m,2026-01-01,1,2\nm,2026-01-01,1,2\n", r":3: model: m has a price .* at .*:2$"),
        ("m,2026-01-01,,\n", r":2: per_million_tokens: "),
        (",2026-01-01,1,2\n", r":2: model: Field required"),
        ("m,2026-01-01,1\n", r":2: has 3 cells, the header has 4"),
        ('m,2026-01-01,"1\n', r"not CSV"),
    ],
)
def test_what_is_wrong_in_a_csv_file_is_named_with_line_and_field(
    tmp_path: Path, text: str, where: str
) -> None:
    path = write(tmp_path, "house.csv", HEADER + text)

    with pytest.raises(ConfigurationError, match=where) as error:
        file_prices(path, "USD")
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("model,effective_from,inputs\nm,2026-01-01,1\n", r":1: inputs: unknown column"),
        ("model,effective_from,input,input\nm,2026-01-01,1,2\n", r":1: duplicate column"),
        ("model,effective_from,input,currency\nm,2026-01-01,1,EUR\n", r":2: currency: 'EUR'"),
        (
            "model,effective_from,input,cached_read\nm,2026-01-01,1,2\n",
            r":2: cached_read: is dearer than input",
        ),
        (
            "model,effective_from,input,above_tokens\nm,2026-01-01,1,many\n",
            r":2: above_tokens: Input should be a valid integer",
        ),
        (
            "model,effective_from,input,deployment_type\nm,2026-01-01,1,zone\n",
            r":2: deployment_type: Input should be 'global', 'data_zone' or 'regional'",
        ),
    ],
)
def test_columns_that_are_unknown_or_wrong_are_refused(
    tmp_path: Path, text: str, where: str
) -> None:
    with pytest.raises(ConfigurationError, match=where):
        file_prices(write(tmp_path, "house.csv", text), "USD")


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ('"0.3"', "0.3", r":8: per_million_tokens.input: .*write it as a quoted decimal string"),
        ('"0.3"', '"-0.3"', r":8: per_million_tokens.input: .*is negative"),
        ('"2026-06-01"', "2026-03-01", r":8: model: house-7b has a price .* at .*:4$"),
        ("      input", "      inputs", r":8: per_million_tokens.inputs"),
        ("currency: USD", "currency: EUR", r"currency: 'EUR' is not USD"),
        ("version:", "note:", r"note: Extra inputs"),
        ("prices:", "prices: [", r"not YAML"),
    ],
)
def test_what_is_wrong_in_a_yaml_file_is_named_with_line_and_field(
    tmp_path: Path, old: str, new: str, where: str
) -> None:
    path = write(tmp_path, "house.yaml", YAML.replace(old, new, 1))

    with pytest.raises(ConfigurationError, match=where) as error:
        file_prices(path, "USD")
    assert str(error.value).startswith(str(path))


def test_a_float_in_json_is_refused_with_its_line(tmp_path: Path) -> None:
    text = (
        '{"currency": "USD",\n "prices": [\n  {"model": "m", "effective_from": "2026-01-01",'
        '\n   "per_million_tokens": {"input": 0.4}}]}'
    )

    with pytest.raises(
        ConfigurationError, match=r"house.json:3: per_million_tokens.input: .*float"
    ):
        file_prices(write(tmp_path, "house.json", text), "USD")


def test_another_currency_in_the_committed_format_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.json"
    path.write_bytes(price_file({}, currency="EUR"))

    with pytest.raises(ConfigurationError, match="currency: 'EUR' is not USD"):
        file_prices(path, "USD")


def test_saved_items_of_the_azure_api_are_taken_for_what_they_are(tmp_path: Path) -> None:
    found = file_prices(write(tmp_path, "items.json", '{"Items": []}'), "USD")

    assert found.version == "azure-retail-import-unknown"


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "house.csv"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(ConfigurationError, match=str(path)):
        file_prices(path, "USD")
