"""Rating: exact amounts from list price, multiplier and counts; no price is a state of its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.adapters.files import committed_prices
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount
from metering.core.plans.plan import Plan
from metering.core.prices.price_book import PriceBook
from metering.core.prices.priced import PricingKey
from metering.core.prices.rating import (
    Rate,
    RateCard,
    amount_of,
    rate_card,
    rate_usage,
    unit_price,
)
from metering.core.usage.buckets import BUCKETS, TOKEN_BUCKETS, TOKENS, Buckets, from_names
from tests.builders import AT, plan, price_book

GPT_4O = PricingKey("gpt-4o", "global", None, "standard")
COUNTS = from_names({"input": 488, "cached_read": 512, "output": 100})
BOOK = PriceBook(committed_prices())

counts = st.tuples(*[st.integers(0, 10**9)] * len(BUCKETS))


def card(markup: str = "0", **changes: str) -> RateCard:
    return rate_card(price_book(), plan(markup, **changes), GPT_4O, AT)


def amount(rates: RateCard, buckets: Buckets) -> str | None:
    found = rate_usage(rates, buckets)[1]
    return None if found is None else format_amount(found)


def test_each_bucket_costs_its_tokens_times_its_price() -> None:
    # 488 x 0.0000025 + 512 x 0.00000125 + 100 x 0.00001 = 0.00122 + 0.00064 + 0.001
    assert amount(card(), COUNTS) == "0.00286"


def test_a_markup_multiplies_the_list_price() -> None:
    # 0.00286 x 1.15
    assert amount(card("0.15"), COUNTS) == "0.003289"


def test_a_discount_is_a_negative_markup() -> None:
    # 0.00286 x 0.95
    assert amount(card("-0.05"), COUNTS) == "0.002717"


def test_eighteen_decimals_are_exact() -> None:
    # one token at 0.000001 a million is 0.000000000001; times 1.000001
    book = price_book({"per_million_tokens": {"input": "0.000001"}})
    rates = rate_card(book, plan("0.000001"), GPT_4O, AT)
    assert amount(rates, from_names({"input": 1})) == "0.000000000001000001"


@pytest.mark.parametrize(
    ("model", "kind", "tier", "usage", "expected"),
    [
        # 1,000 x 2.5 + 100 x 10, per million
        ("gpt-4o", "global", "standard", {"input": 1000, "output": 100}, "0.0035"),
        # 488 x 2.2 + 512 x 0.55 + 100 x 8.8 = 1073.6 + 281.6 + 880
        (
            "gpt-4.1",
            "data_zone",
            "standard",
            {"input": 488, "cached_read": 512, "output": 100},
            "0.0022352",
        ),
        # 1,000 x 1 + 100 x 4: half of the standard price
        ("gpt-4.1", "global", "batch", {"input": 1000, "output": 100}, "0.0014"),
        # 1,000 x 1.25 + (64 + 36) x 10: reasoning costs what output costs
        ("gpt-5", "global", "standard", {"input": 1000, "output": 64, "reasoning": 36}, "0.00225"),
        # 1,000 x 0.02
        ("text-embedding-3-small", "global", "standard", {"input": 1000}, "0.00002"),
        # 86 x 1.1 + 1920 x 0.275 + 300 x 4.4 = 94.6 + 528 + 1320
        (
            "o4-mini",
            "global",
            "standard",
            {"input": 86, "cached_read": 1920, "output": 300},
            "0.0019426",
        ),
        # 488 x 3.5 + 512 x 0.875 + 100 x 14 = 1708 + 448 + 1400
        (
            "gpt-4.1",
            "global",
            "priority",
            {"input": 488, "cached_read": 512, "output": 100},
            "0.003556",
        ),
        # 1,000 x 2.75 + 100 x 11
        ("gpt-4o", "regional", "standard", {"input": 1000, "output": 100}, "0.00385"),
        # 100 x 2.5 + 900 x 40 + 50 x 10 + 250 x 80 = 250 + 36,000 + 500 + 20,000
        (
            "gpt-4o-audio-preview",
            "global",
            "standard",
            {"input": 100, "input_audio": 900, "output": 50, "output_audio": 250},
            "0.05675",
        ),
        # 100 x 32 + 400 x 0.4 + 50 x 64 = 3,200 + 160 + 3,200
        (
            "gpt-realtime",
            "global",
            "standard",
            {"input_audio": 100, "cached_audio": 400, "output_audio": 50},
            "0.00656",
        ),
    ],
)
def test_published_azure_prices_give_the_amounts_worked_out_by_hand(
    model: str, kind: str, tier: str, usage: dict[str, int], expected: str
) -> None:
    at = parse_instant("2026-08-15T00:00:00Z")
    rates = rate_card(BOOK, plan(), PricingKey(model, kind, "eastus2", tier), at)
    assert amount(rates, from_names(usage)) == expected


@pytest.mark.parametrize(
    ("tier", "usage", "expected"),
    [
        # 1,000 x 3 + 100 x 15
        ("standard", {"input": 1000, "output": 100}, "0.0045"),
        # 10 x 3 + 5,000 x 0.3 + 100 x 15 = 30 + 1,500 + 1,500
        ("standard", {"input": 10, "cached_read": 5000, "output": 100}, "0.00303"),
        # 10 x 3 + 5,000 x 3.75 + 100 x 15 = 30 + 18,750 + 1,500
        ("standard", {"input": 10, "cache_write": 5000, "output": 100}, "0.02028"),
        # 10 x 3 + 5,000 x 6 + 100 x 15 = 30 + 30,000 + 1,500
        ("standard", {"input": 10, "cache_write_long": 5000, "output": 100}, "0.03153"),
        # 1,000 x 3 + 199,000 x 0.3; one more token doubles the price of the whole request
        ("standard", {"input": 1000, "cached_read": 199_000}, "0.0627"),
        ("standard", {"input": 1000, "cached_read": 199_001}, "0.1254006"),
        # 1,000 x 1.5 + 100 x 7.5: half of the standard price
        ("batch", {"input": 1000, "output": 100}, "0.00225"),
    ],
)
def test_claude_costs_what_is_listed_for_reads_and_writes_of_its_cache(
    tier: str, usage: dict[str, int], expected: str
) -> None:
    at = parse_instant("2026-11-20T00:00:00Z")
    rates = rate_card(BOOK, plan(), PricingKey("claude-sonnet-4-5-20250929", None, None, tier), at)
    assert amount(rates, from_names(usage)) == expected
    assert rates.rate.channel == "marketplace"


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        # 272,000 x 2.5 = 0.68; one more makes the whole request 5 a million: 1.360005
        (271_999, "0.6799975"),
        (272_000, "0.68"),
        (272_001, "1.360005"),
    ],
)
def test_a_prompt_above_the_threshold_is_priced_whole_at_the_long_price(
    prompt: int, expected: str
) -> None:
    book = price_book(
        {},
        {
            "context_tier": "long",
            "context_above_tokens": 272_000,
            "per_million_tokens": {"input": "5", "output": "15"},
        },
    )
    rates = rate_card(book, plan(), GPT_4O, AT)
    assert amount(rates, from_names({"input": prompt})) == expected


def test_the_threshold_looks_at_the_prompt_with_its_cached_part_and_not_at_the_output() -> None:
    long = {
        "context_tier": "long",
        "context_above_tokens": 100,
        "per_million_tokens": {"input": "5", "cached_read": "2.5", "output": "20"},
    }
    rates = rate_card(price_book({}, long), plan(), GPT_4O, AT)
    # 60 x 5 + 41 x 2.5 = 402.5
    assert amount(rates, from_names({"input": 60, "cached_read": 41})) == "0.0004025"
    # 100 x 2.5 + 1,000 x 10 = 10,250
    assert amount(rates, from_names({"input": 100, "output": 1000})) == "0.01025"


@pytest.mark.parametrize(
    "priced",
    [
        PricingKey("gpt-99", "global", None, "standard"),
        PricingKey(None, "global", None, "standard"),
        GPT_4O._replace(deployment_type="provisioned"),
        GPT_4O._replace(service_tier="flex"),
    ],
)
def test_what_has_no_price_is_unpriced_and_not_free(priced: PricingKey) -> None:
    rate, found = rate_usage(rate_card(price_book(), plan(), priced, AT), COUNTS)
    assert found is None
    assert not rate.is_priced


def test_tokens_in_a_bucket_without_a_price_make_the_request_unpriced() -> None:
    assert amount(card(), from_names({"input": 10, "cache_write": 1})) is None
    assert amount(card(), from_names({"input": 10})) == "0.000025"


def test_a_price_in_another_currency_is_no_price() -> None:
    assert amount(card(currency="EUR"), COUNTS) is None


def test_the_rate_names_the_version_and_the_row_it_took() -> None:
    rate, _ = rate_usage(card("0.15"), COUNTS)
    assert (rate.version, rate.row) == ("v1", "gpt-4o/global/any/standard")
    assert rate.multiplier == 1_150_000
    assert unit_price(rate, 0) == "0.000002875"
    assert unit_price(rate, 2) is None


@given(counts, counts)
def test_amounts_add_up_whatever_the_counts(first: Buckets, second: Buckets) -> None:
    units = tuple(range(1, len(BUCKETS) * 10**12, 10**12))
    rate = Rate("m", "v", "r", 10**6, units)
    both = tuple(a + b for a, b in zip(first, second, strict=True))
    parts = (amount_of(rate, first) or 0) + (amount_of(rate, second) or 0)
    assert amount_of(rate, both) == parts


@given(counts)
def test_the_fast_way_and_the_plain_sum_give_the_same_amount(tokens: Buckets) -> None:
    buckets = (*tokens[TOKENS], 0)
    every = dict.fromkeys(TOKEN_BUCKETS, "123456.123456")
    rates = rate_card(price_book({"per_million_tokens": every}), plan("0.654321"), GPT_4O, AT)
    rate, found = rate_usage(rates, buckets)
    assert found == amount_of(rate, buckets)
    # 123,456.123456 a million is 123,456,123,456 x 10^-12 a token; times 1.654321
    assert found == sum(buckets) * 123_456_123_456 * 1_654_321


@given(counts)
def test_a_markup_of_zero_is_the_list_price(buckets: Buckets) -> None:
    assert rate_usage(card("0"), buckets)[1] == rate_usage(card("0.000000"), buckets)[1]


@pytest.mark.parametrize("markup", ["0.0000001", "-1.000001", "1e2", "lots"])
def test_a_markup_beyond_six_decimals_or_below_minus_one_is_refused(markup: str) -> None:
    with pytest.raises(ValueError, match="markup"):
        Plan(id="p", markup=markup)


def test_a_recorded_rate_with_a_gap_gives_no_amount_for_tokens_in_it() -> None:
    rate, _ = rate_usage(card(), COUNTS)
    assert amount_of(rate, from_names({"cache_write": 1})) is None
