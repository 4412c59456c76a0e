"""Bundled prices of Gemini, Bedrock, Cohere and Mistral: amounts of recorded usage, by hand."""

from functools import cache
from typing import Any

import pytest

from metering.adapters.files import committed_prices
from metering.core.basics.instants import parse_instant
from metering.core.basics.money import format_amount
from metering.core.plans.plan import DEFAULT_PLAN
from metering.core.prices.price_book import TOKEN, PriceBook
from metering.core.prices.priced import PricingKey
from metering.core.prices.quote import quote_reading
from metering.core.usage.whole_response import given_usage

AT = parse_instant("2026-11-20T12:00:00Z")
LONG = {"promptTokenCount": 200_001, "candidatesTokenCount": 100, "totalTokenCount": 200_101}
SHORT = {"promptTokenCount": 200_000, "candidatesTokenCount": 100, "totalTokenCount": 200_100}
SOUND = {
    "promptTokenCount": 125,
    "candidatesTokenCount": 10,
    "totalTokenCount": 160,
    "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 119}],
    "thoughtsTokenCount": 25,
}
PICTURE = {
    "promptTokenCount": 22,
    "candidatesTokenCount": 1216,
    "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1120}],
}
WRITES = {
    "inputTokens": 10,
    "outputTokens": 4,
    "cacheReadInputTokens": 5,
    "cacheWriteInputTokens": 20,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 7}, {"ttl": "5m", "inputTokens": 13}],
}
CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"


@cache
def book() -> PriceBook:
    return PriceBook(committed_prices())


def amounts(model: str, usage: dict[str, Any]) -> list[str | None]:
    """Every amount of a usage object: of the request, then of the meters beside it."""
    given = given_usage(usage)
    reading = given.read(model)
    key = PricingKey(model, service_tier=given.service_tier, unit=reading.unit or TOKEN)
    key = key._replace(not_understood=reading.not_understood)
    found = quote_reading(book(), DEFAULT_PLAN, key, AT, reading)
    return [None if one.amount is None else format_amount(one.amount) for one in found]


@pytest.mark.parametrize(
    ("model", "usage", "amount"),
    [
        # 6 x 0.3 + 119 x 1 + (10 + 25) x 2.5 = 208.3 a million
        ("gemini-2.5-flash", SOUND, "0.0002083"),
        # Google's batches at half: 6 x 0.15 + 119 x 0.5 + 35 x 1.25 = 104.15
        ("gemini-2.5-flash", SOUND | {"serviceTier": "batch"}, "0.00010415"),
        # Pro hears at the price of text: 125 x 1.25 + 35 x 10 = 506.25
        ("gemini-2.5-pro", SOUND, "0.00050625"),
        # to 200,000 tokens 200,000 x 1.25 + 100 x 10; beyond 200,001 x 2.5 + 100 x 15
        ("gemini-2.5-pro", SHORT, "0.251"),
        ("google/gemini-2.5-pro", LONG, "0.5015025"),
        # an image at 30 and text at 2.5: 22 x 0.3 + 1,120 x 30 + 96 x 2.5 = 33,846.6
        ("gemini-2.5-flash-image", PICTURE, "0.0338466"),
        # 10 x 3 + 5 x 0.3 + 13 x 3.75 + 7 x 6 + 4 x 15 = 182.25
        (f"global.{CLAUDE}", WRITES, "0.00018225"),
        # in one part of the world a tenth more: 200.475
        (f"us.{CLAUDE}", WRITES, "0.000200475"),
        (CLAUDE, WRITES, "0.000200475"),
        # 16 x 0.06 + 40 x 0.24 = 10.56
        ("eu.amazon.nova-lite-v1:0", {"inputTokens": 16, "outputTokens": 40}, "0.00001056"),
        # 6,772 x 0.15 + 248 x 0.6 = 1,164.6
        (
            "command-r-08-2024",
            {"billed_units": {"input_tokens": 6772, "output_tokens": 248}},
            "0.0011646",
        ),
        # 32 x 0.5 + 32 x 0.05 + 6 x 1.5 = 26.6
        (
            "mistral-large-2512",
            {"prompt_tokens": 64, "completion_tokens": 6, "num_cached_tokens": 32},
            "0.0000266",
        ),
        # three pages at a dollar a thousand
        ("mistral-ocr-2505", {"usage_info": {"pages_processed": 3}}, "0.003"),
    ],
)
def test_the_amount_of_a_provider_s_usage(model: str, usage: dict[str, Any], amount: str) -> None:
    assert amounts(model, usage) == [amount]


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("gemini-2.5-flash", {"trafficType": "PROVISIONED_THROUGHPUT"}),
        ("gemini-2.5-flash", {"trafficType": "ON_DEMAND_OFFPEAK"}),
        ("gemini-2.5-flash", {"trafficType": "ON_DEMAND_PRIORITY"}),
        ("gemini-embedding-2", {"promptTokensDetails": [{"modality": "VIDEO", "tokenCount": 5}]}),
        ("gemini-9-nova", {}),
    ],
)
def test_what_the_list_does_not_price_has_no_price(model: str, changes: dict[str, Any]) -> None:
    assert amounts(model, {"promptTokenCount": 9, "candidatesTokenCount": 0} | changes) == [None]


def test_a_search_of_gemini_has_its_own_price() -> None:
    usage = {
        "total_input_tokens": 0,
        "total_output_tokens": 0,
        "grounding_tool_count": [{"type": "google_search", "count": 3}],
    }
    # three queries at 14 dollars a thousand
    assert amounts("gemini-3.5-flash", usage) == ["0", "0.042"]


def test_no_model_lost_its_price_to_one_of_the_same_name() -> None:
    """A name that two providers sell has a price only where a request names its provider."""
    azure_s = ("claude-sonnet-4-5", "claude-opus-5-5", "codestral-2501", "mistral-medium-3-5")
    assert [name for name in azure_s if amounts(name, {"input_tokens": 1}) == [None]] == []
