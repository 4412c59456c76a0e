"""A quote: one request explained, or why it has no price."""

from typing import Any

from metering.core.basics.money import format_amount
from metering.core.plans.plan import Plan, read_plan
from metering.core.prices.priced import PricingKey
from metering.core.prices.quote import Quote, QuoteLine, quote
from metering.core.usage.buckets import from_names
from tests.builders import AT, price_book

NIGHTS = {
    "time_zone": "UTC",
    "windows": [{"from": "11:00", "to": "12:00", "multiplier": "0.5"}],
}


def asked(tokens: dict[str, int], priced: PricingKey | None = None, **terms: Any) -> Quote:
    plan = read_plan("p", {"id": "p", **terms}) if terms else Plan(id="p")
    long = {
        "context_tier": "long",
        "context_above_tokens": 1000,
        "per_million_tokens": {"input": "5", "output": "20"},
    }
    return quote(price_book({}, long), plan, priced or PricingKey("gpt-4o"), AT, from_names(tokens))


def test_each_line_is_quantity_times_list_price_times_multiplier() -> None:
    found = asked({"input": 1000, "output": 100}, markup="0.1", off_peak=NIGHTS)
    # 2.5 and 10 a million, times 1.1 times 0.5
    assert found.lines == (
        QuoteLine("input", 1000, 2_500_000, 550_000, 2_500_000 * 550_000, 1_375_000_000_000_000),
        QuoteLine("output", 100, 10_000_000, 550_000, 10_000_000 * 550_000, 550_000_000_000_000),
    )
    assert found.amount == sum(line.amount for line in found.lines)
    assert format_amount(found.amount) == "0.001925"


def test_a_price_of_the_plans_own_has_no_list_price_beside_it() -> None:
    found = asked({"output": 100}, overrides=[{"bucket": "output", "price_per_million": "8"}])
    assert [(line.list_price, line.multiplier) for line in found.lines] == [(None, None)]
    assert format_amount(found.amount or 0) == "0.0008"


def test_a_model_that_only_the_plan_prices_is_quoted_by_the_plan() -> None:
    found = asked(
        {"input": 100},
        PricingKey("in-house"),
        overrides=[{"model": "in-house", "price_per_million": "1"}],
    )
    assert (found.rate.row, format_amount(found.amount or 0)) == ("plan", "0.0001")
    assert [line.list_price for line in found.lines] == [None]


def test_a_long_prompt_is_explained_by_the_row_of_long_prompts() -> None:
    found = asked({"input": 1001})
    assert found.rate.row == "gpt-4o/global/any/standard/above-1000"
    assert [line.list_price for line in found.lines] == [5_000_000]


def test_what_has_no_price_is_named() -> None:
    assert asked({"input": 1}, PricingKey("gpt-99")).reason == ("no price is known for gpt-99")
    assert asked({"input": 1, "cache_write": 1}).reason == (
        "gpt-4o/global/any/standard has no price for cache_write"
    )
    assert asked({"input": 1}, PricingKey("gpt-4o", "provisioned")).reason == (
        "this provisioned deployment has no record"
    )
