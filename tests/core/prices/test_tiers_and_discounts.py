"""The tier that was served decides, and a discount that does not exist is not given."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.money import format_amount
from metering.core.deployments.deployment import read_deployment
from metering.core.plans.plan import DEFAULT_PLAN
from metering.core.prices.price_book import PriceBook
from metering.core.prices.price_file import read_price_file
from metering.core.prices.priced import PricingKey, Registered, completed
from metering.core.prices.quote import quote, quote_reading
from metering.core.usage.buckets import from_names
from metering.core.usage.provider_usage import ProviderUsage, read_usage
from tests.builders import AT, price_book, price_file

#: 2.5 standard, 5 priority, 6 standard beyond 200,000 tokens.
BOOK = price_book(
    {},
    {"service_tier": "priority", "per_million_tokens": {"input": "5", "output": "20"}},
    {
        "context_tier": "long",
        "context_above_tokens": 200_000,
        "per_million_tokens": {"input": "6", "output": "30"},
    },
)
PRIORITY = read_deployment(
    "d",
    {
        "name": "fast",
        "model": "gpt-4o",
        "deployment_type": "global",
        "service_tier": "priority",
    },
)


def amount(priced: PricingKey, tokens: int, book: PriceBook = BOOK) -> str | None:
    found = quote(book, DEFAULT_PLAN, priced, AT, from_names({"input": tokens})).amount
    return None if found is None else format_amount(found)


@pytest.mark.parametrize(
    ("tokens", "price"),
    [
        # 128,000 x 5 a million
        (128_000, "0.64"),
        # longer prompts are served as standard: 128,001 x 2.5 a million
        (128_001, "0.3200025"),
        # and beyond the long context at its standard price: 200,001 x 6 a million
        (200_001, "1.200006"),
    ],
)
def test_long_prompts_on_a_priority_deployment_are_charged_as_standard(
    tokens: int, price: str
) -> None:
    assert amount(completed(PricingKey("gpt-4o"), Registered(PRIORITY, 0)), tokens) == price


@pytest.mark.parametrize(("tier", "price"), [("priority", "0.640005"), ("standard", "0.3200025")])
def test_a_response_that_names_its_tier_decides(tier: str, price: str) -> None:
    said = PricingKey("gpt-4o", service_tier=tier)
    # 128,001 x 5 or x 2.5 a million
    assert amount(completed(said, Registered(PRIORITY, 0)), 128_001) == price


def test_a_bucket_that_is_known_to_have_no_discount_has_the_price_of_its_whole() -> None:
    batch = {"service_tier": "batch", "per_million_tokens": {"input": "1", "output": "4"}}
    book = price_book(batch | {"billed_as": {"cached_read": "input"}}, {"model": "x", **batch})
    key = PricingKey("gpt-4o", service_tier="batch")
    found = quote(book, DEFAULT_PLAN, key, AT, from_names({"input": 400, "cached_read": 600}))

    # 1,000 x 1 a million; the row says so
    assert format_amount(found.amount or 0) == "0.001"
    assert found.row is not None
    assert found.row.billed_as == (("cached_read", "input"),)
    other = quote(book, DEFAULT_PLAN, key._replace(model="x"), AT, from_names({"cached_read": 1}))
    assert other.reason == "x/global/any/batch has no price for cached_read"


def test_a_bucket_with_a_price_of_its_own_is_not_billed_as_another() -> None:
    with pytest.raises(ConfigurationError, match="billed_as: cached_read has a price of its own"):
        price_book({"billed_as": {"cached_read": "input"}})


def test_cached_images_are_billed_as_cached_text_only_where_images_are_billed_as_text() -> None:
    listed = {"input": "2", "cached_read": "1", "input_image": "4", "output": "8"}
    book = price_book({}, {"model": "sees", "per_million_tokens": listed})
    cached = from_names({"cached_image": 1000})

    def priced(model: str) -> Any:
        return quote(book, DEFAULT_PLAN, PricingKey(model), AT, cached)

    # 1,000 x 1.25 a million
    assert format_amount(priced("gpt-4o").amount) == "0.00125"
    assert priced("sees").reason == "sees/global/any/standard has no price for cached_image"


def test_generated_images_are_never_billed_as_text() -> None:
    found = quote(BOOK, DEFAULT_PLAN, PricingKey("gpt-4o"), AT, from_names({"output_image": 1}))
    assert found.reason == "gpt-4o/global/any/standard has no price for output_image"


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("GPT-4O", "gpt-4o"),
        ("gpt-4o.ft-0123abc-house", "gpt-4o.ft"),
        ("ft:gpt-4o:contoso::0123", "gpt-4o.ft"),
        ("gpt-4o-own.ft-1", "gpt-4o-own.ft-1"),
        ("gpt-99.ft-1", None),
    ],
)
def test_names_have_no_case_and_fine_tuned_models_a_price_of_their_own(
    name: str, row: str | None
) -> None:
    book = price_book(
        {}, {"model": "gpt-4o.ft", "aliases": []}, {"model": "gpt-4o-own.ft-1", "aliases": []}
    )
    assert book.canonical(name) == row


def test_another_meters_price_may_depend_on_the_deployment_type() -> None:
    meters = [
        {"meter": "search", "unit": "call", "price": "2"},
        {"meter": "search", "unit": "call", "price": "3", "deployment_type": "data_zone"},
    ]
    book = PriceBook(read_price_file("m", price_file(meters=meters)))
    millionths = from_names({"quantity": 10**6})
    for type_, price in (("global", "2"), ("data_zone", "3"), ("provisioned", "2"), (None, "2")):
        key = PricingKey("search", type_, unit="call", service_tier="priority")
        found = quote(book, DEFAULT_PLAN, key, AT, millionths)
        assert format_amount(found.amount or 0) == price


def test_the_quote_of_a_reading_has_every_meter_beside_it() -> None:
    meters = [
        {"meter": "web_search_requests", "unit": "request", "price": "0.01"},
        {"meter": "model-router", "unit": "million prompt tokens", "price": "0.14"},
    ]
    book = PriceBook(read_price_file("m", price_file({}, meters=meters)))
    usage = {"input_tokens": 1000, "server_tool_use": {"web_search_requests": 2}}
    reading = read_usage(ProviderUsage.model_validate(usage))

    found = quote_reading(book, DEFAULT_PLAN, PricingKey("gpt-4o"), AT, reading, is_routed=True)
    # 1,000 x 2.5 a million; 2 x 0.01; 1,000 x 0.14 a million
    amounts = [format_amount(one.amount or 0) for one in found]
    assert amounts == ["0.0025", "0.02", "0.00014"]
    assert quote_reading(book, DEFAULT_PLAN, PricingKey("gpt-4o"), AT, reading) == found[:2]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"effective_from": "0001-01-01T00:00:00Z"}, "effective_from.*between 2010 and 2100"),
        ({"effective_from": "9999-01-01T00:00:00Z"}, "effective_from.*between 2010 and 2100"),
        ({"effective_from": 20260101}, "effective_from.*quoted time"),
        ({"context_tier": "long", "context_above_tokens": 10**30}, "context_above_tokens"),
        ({"model": "x\ud800"}, "Invalid JSON"),
        ({"model": "x\x07"}, "prices.0.model.*cannot be printed"),
        ({"aliases": ["x\x1b[2J"]}, "prices.0.aliases.0.*cannot be printed"),
        ({"per_million_tokens": {"input": "1000000001"}}, "larger than a billion"),
    ],
)
def test_what_no_price_can_be_is_refused_by_name(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=f"(?s)book.json: .*{complaint}"):
        read_price_file("book.json", price_file(changes))
