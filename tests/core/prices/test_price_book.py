"""The price book: dated rows, found from the specific to the general, never guessed."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import metering
from metering.adapters.files import committed_prices
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import parse_instant
from metering.core.prices.price_book import TOKEN, PriceBook, PriceKey, PriceRow
from metering.core.prices.price_file import read_price_file
from metering.core.usage.buckets import INDEX
from tests.builders import AT, price_book, price_file

JANUARY = parse_instant("2026-01-01T00:00:00Z")


def unit(row: PriceRow | None, bucket: str) -> int | None:
    assert row is not None
    return row.prices[INDEX[bucket]]


def test_a_price_is_an_integer_of_ten_to_the_minus_twelve_a_token() -> None:
    # 2.5 a million = 0.0000025 a token = 2,500,000 x 10^-12
    assert unit(price_book().find("gpt-4o", AT, PriceKey()), "input") == 2_500_000


def test_reasoning_costs_what_output_costs_unless_it_has_its_own_price() -> None:
    assert unit(price_book().find("gpt-4o", AT, PriceKey()), "reasoning") == 10_000_000
    own = price_book({"per_million_tokens": {"output": "10", "reasoning": "12"}})
    assert unit(own.find("gpt-4o", AT, PriceKey()), "reasoning") == 12_000_000


def test_a_bucket_without_a_price_has_none() -> None:
    assert unit(price_book().find("gpt-4o", AT, PriceKey()), "cache_write") is None


def test_a_row_is_found_by_its_model_and_by_its_aliases() -> None:
    book = price_book({"aliases": ["gpt-4o-2024-11-20"]})
    assert book.find("gpt-4o-2024-11-20", AT, PriceKey()) == book.find("gpt-4o", AT, PriceKey())
    assert book.find("gpt-4o-2024-05-13", AT, PriceKey()) is None


def test_the_row_of_the_region_comes_before_the_row_of_any_region() -> None:
    book = price_book(
        {}, {"region": "usgovvirginia", "per_million_tokens": {"input": "3", "output": "12"}}
    )
    assert unit(book.find("gpt-4o", AT, PriceKey(region="usgovvirginia")), "input") == 3_000_000
    assert unit(book.find("gpt-4o", AT, PriceKey(region="eastus2")), "input") == 2_500_000
    assert unit(book.find("gpt-4o", AT, PriceKey()), "input") == 2_500_000


def test_a_price_of_one_region_is_not_the_price_of_another() -> None:
    assert price_book({"region": "eastus2"}).find("gpt-4o", AT, PriceKey()) is None


def test_other_deployment_types_and_tiers_have_other_prices_or_none() -> None:
    book = price_book({}, {"service_tier": "batch", "per_million_tokens": {"input": "1.25"}})
    assert unit(book.find("gpt-4o", AT, PriceKey(service_tier="batch")), "input") == 1_250_000
    assert book.find("gpt-4o", AT, PriceKey(service_tier="priority")) is None
    assert book.find("gpt-4o", AT, PriceKey(deployment_type="data_zone")) is None
    assert book.find("gpt-4o", AT, PriceKey(deployment_type="provisioned")) is None


@pytest.mark.parametrize(
    ("offset", "price"), [(-1, 2_500_000), (0, 2_000_000), (1, 2_000_000)], ids=["-1", "0", "+1"]
)
def test_a_price_holds_from_its_first_instant_on(offset: int, price: int) -> None:
    change = {"effective_from": "2026-06-01T00:00:00Z", "per_million_tokens": {"input": "2"}}
    at = parse_instant("2026-06-01T00:00:00Z") + offset
    assert unit(price_book({}, change).find("gpt-4o", at, PriceKey()), "input") == price


def test_before_the_first_price_there_is_none() -> None:
    assert price_book().find("gpt-4o", JANUARY - 1, PriceKey()) is None
    assert price_book().find("gpt-4o", JANUARY, PriceKey()) is not None


def test_the_row_of_long_prompts_is_found_only_when_asked_for() -> None:
    long = {
        "context_tier": "long",
        "context_above_tokens": 272_000,
        "per_million_tokens": {"input": "5"},
    }
    book = price_book({}, long)
    assert unit(book.find("gpt-4o", AT, PriceKey()), "input") == 2_500_000
    assert unit(book.find("gpt-4o", AT, PriceKey(), long_context=True), "input") == 5_000_000
    row = book.find("gpt-4o", AT, PriceKey(), long_context=True)
    assert row is not None
    assert row.id == "gpt-4o/global/any/standard/above-272000"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ({"per_million_tokens": {"input": 2.5}}, "per_million_tokens.input.*quoted decimal"),
        ({"per_million_tokens": {"input": "-1"}}, "per_million_tokens.input.*negative"),
        ({"per_million_tokens": {"input": "0.0000001"}}, "more than 6 decimals"),
        ({"per_million_tokens": {"tokens": "1"}}, "per_million_tokens.tokens"),
        ({"deployment_type": "worldwide"}, "prices.0.deployment_type"),
        ({"context_tier": "long"}, "go together"),
        ({"effective_from": "2026-01-01"}, "no time zone"),
        ({"colour": "red"}, "prices.0.colour"),
    ],
)
def test_a_faulty_row_is_refused_with_its_file_and_place(
    row: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s)book.json: .*{complaint}"):
        read_price_file("book.json", price_file(row))


def test_a_file_that_is_not_json_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="book.json: .*Invalid JSON"):
        read_price_file("book.json", b"prices: []")


def test_two_prices_for_one_place_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="two prices for gpt-4o/global/any/standard"):
        price_book({}, {"per_million_tokens": {"input": "3"}})
    with pytest.raises(ConfigurationError, match="clash is a name of gpt-4o and, in v1, of other"):
        price_book({"aliases": ["clash"]}, {"model": "other", "aliases": ["clash"]})


FILES = sorted((Path(metering.__file__).parent / "prices").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_committed_row_is_found_again_at_its_own_start(file: Path) -> None:
    named = read_price_file(file.name, file.read_bytes())
    book = PriceBook(named)
    for name, row in named:
        found = book.find(
            name,
            row.effective_from,
            row.place,
            long_context=row.above_tokens is not None,
        )
        assert found == row


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_committed_prices_are_the_files_figures_to_the_last_digit(file: Path) -> None:
    lines = json.loads(file.read_bytes())["prices"]
    rows = {id(row): row for _, row in read_price_file(file.name, file.read_bytes())}
    tokens = [row for row in rows.values() if row.unit == TOKEN]
    for line, row in zip(lines, tokens, strict=True):
        for bucket, text in line["per_million_tokens"].items():
            assert Decimal(row.prices[INDEX[bucket]] or 0) / 1_000_000 == Decimal(text)


def test_the_committed_book_prices_at_least_eight_models_in_every_way_they_are_sold() -> None:
    rows = PriceBook(committed_prices()).rows.values()
    assert len({row.model for row in rows}) >= 8
    assert {"global", "data_zone", "regional"} <= {row.deployment_type for row in rows}
    assert {"standard", "batch"} <= {row.service_tier for row in rows}
    assert any(row.prices[INDEX["cached_read"]] for row in rows)


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [
        ("gpt-4o", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        # The book names dated versions of gpt-4o: another one may have another price.
        ("gpt-4o-2024-05-13", None),
        ("other-2026-01-31", "other"),
        ("other-20260131", "other"),
        ("other@20260131", "other"),
        ("other-0131", None),
        ("others", None),
    ],
)
def test_a_name_is_looked_up_as_it_is_in_lower_case_and_without_a_date(
    name: str, kept_as: str | None
) -> None:
    book = price_book({"aliases": ["gpt-4o-2024-11-20"]}, {"model": "other"})
    assert book.canonical(name) == kept_as
    assert (book.find(name, AT, PriceKey()) is None) == (kept_as is None)


def test_of_several_providers_the_one_that_the_event_names_is_meant() -> None:
    one = {"model": "llama", "provider": "a", "per_million_tokens": {"input": "1"}}
    other = {**one, "provider": "b", "per_million_tokens": {"input": "2"}}
    alone, both = price_book(one), price_book(one, other)
    assert unit(alone.find("llama", AT, PriceKey(provider="azure")), "input") == 1_000_000
    assert unit(both.find("llama", AT, PriceKey(provider="b")), "input") == 2_000_000
    assert both.find("llama", AT, PriceKey()) is None
    assert both.find("llama", AT, PriceKey(provider="azure")) is None
    assert (alone.provider_of("llama"), both.provider_of("llama")) == ("a", None)
    assert alone.provider_of("nobody") is None


def test_a_version_published_later_is_in_force_where_both_start_together() -> None:
    book = price_book({"aliases": ["gpt-4o-2024-11-20"]})
    later = read_price_file("f", price_file({"per_million_tokens": {"input": "3"}}, version="v2"))
    both = book.with_version(later)
    for name in ("gpt-4o", "gpt-4o-2024-11-20"):
        assert unit(both.find(name, AT, PriceKey()), "input") == 3_000_000
    assert unit(book.find("gpt-4o", AT, PriceKey()), "input") == 2_500_000


def test_a_later_start_holds_whoever_was_published_later() -> None:
    march = {
        "effective_from": "2026-03-01T00:00:00Z",
        "per_million_tokens": {"input": "3"},
    }
    book = price_book({}, march)
    january = read_price_file("f", price_file({"per_million_tokens": {"input": "2"}}, version="v2"))
    both = book.with_version(january)
    assert unit(both.find("gpt-4o", AT, PriceKey()), "input") == 3_000_000
    assert unit(both.find("gpt-4o", JANUARY, PriceKey()), "input") == 2_000_000


def test_one_version_may_not_price_a_place_twice_even_when_it_is_published_later() -> None:
    twice = read_price_file("f", price_file({}, {"per_million_tokens": {"input": "3"}}))
    with pytest.raises(ConfigurationError, match="two prices for gpt-4o/global/any/standard"):
        PriceBook([], twice)


def test_prices_in_two_currencies_do_not_meet() -> None:
    euro = read_price_file("f", price_file({}, version="v2", currency="EUR"))
    book = price_book().with_version(euro)
    assert book.currencies == {"USD", "EUR"}
    found = book.find("gpt-4o", AT, PriceKey(currency="EUR"))
    assert found is not None
    assert found.version == "v2"
    assert price_book().find("gpt-4o", AT, PriceKey(currency="EUR")) is None
