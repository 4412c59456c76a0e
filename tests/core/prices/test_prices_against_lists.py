"""Our amounts against the providers' lists in genai_prices, to the last digit, in the same run.

It has price data and a reader of usage objects of its own. Where it differs from us, the case
stands here with its reason.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

import pytest
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot

from metering.core.basics.instants import parse_instant
from metering.core.prices.price_book import PriceRow
from metering.core.prices.priced import PricingKey
from tests.verdicts import BOOK, Usage, ours, tally

NOVEMBER: Final = "2026-11-20T00:00:00+00:00"
JULY: Final = "2026-07-29T00:00:00+00:00"
"""Before OpenAI's prices of 2026-07-30, which Azure's feed of August does not have."""

CLAUDE_USAGES: Final[list[Usage]] = [
    {"input_tokens": 1_000, "output_tokens": 100},
    {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_input_tokens": 90_000,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    },
    {"input_tokens": 1, "output_tokens": 7, "cache_read_input_tokens": 99_999},
    {"input_tokens": 1, "output_tokens": 7, "cache_read_input_tokens": 100_000},
    {"input_tokens": 200_000, "output_tokens": 1, "cache_read_input_tokens": 0},
    {"input_tokens": 1, "output_tokens": 7, "cache_read_input_tokens": 200_000},
]
OPENAI_USAGES: Final[list[Usage]] = [
    {"prompt_tokens": 1_234, "completion_tokens": 567, "total_tokens": 1_801},
    {
        "prompt_tokens": 1_000,
        "completion_tokens": 200,
        "prompt_tokens_details": {"cached_tokens": 640},
        "completion_tokens_details": {"reasoning_tokens": 100},
    },
    {
        "prompt_tokens": 272_001,
        "completion_tokens": 3,
        "prompt_tokens_details": {"cached_tokens": 2_000},
    },
    {"prompt_tokens": 272_000, "completion_tokens": 3},
]
CONTEXTS: Final = {"standard": None, "batch": {"processing": "batch"}}


class List(NamedTuple):
    """A provider's list in genai_prices, and which of our rows to hold against it."""

    provider: str
    flavor: str
    usages: list[Usage]
    at: str
    tiers: tuple[str, ...]

    def rows(self) -> list[tuple[str, str]]:
        channel = "marketplace" if self.provider == "anthropic" else "microsoft"
        return sorted(
            {
                (row.model, row.service_tier)
                for row in BOOK.rows.values()
                if self._is_wanted(row) and row.channel == channel
            }
        )

    def _is_wanted(self, row: PriceRow) -> bool:
        return row.deployment_type == "global" and row.service_tier in self.tiers

    def verdicts(self) -> Iterator[tuple[str, str]]:
        for model, tier in self.rows():
            for usage in self.usages:
                yield model, self._verdict(model, tier, usage)

    def _verdict(self, model: str, tier: str, usage: Usage) -> str:
        try:
            read = get_snapshot().extract_usage(
                {"model": model, "usage": usage}, self.provider, None, self.flavor
            )
            theirs = calc_price(
                read.usage,
                model,
                provider_id=self.provider,
                genai_request_timestamp=datetime.fromisoformat(self.at),
                price_context=CONTEXTS[tier],
            ).total_price
        except LookupError:
            return "they do not know the model"
        mine = ours(PricingKey(model, "global", None, tier), usage, parse_instant(self.at))
        if mine is None:
            return "unpriced"
        return "equal" if mine == theirs else "different"


ANTHROPIC: Final = List("anthropic", "default", CLAUDE_USAGES, NOVEMBER, ("standard", "batch"))
OPENAI: Final = List("openai", "chat", OPENAI_USAGES, JULY, ("standard",))
AZURE: Final = List("azure", "chat", OPENAI_USAGES, JULY, ("standard",))


def test_claude_costs_what_anthropic_lists_with_caches_long_prompts_and_batches() -> None:
    verdicts = tally(ANTHROPIC.verdicts())

    assert "different" not in verdicts.models
    # Models of before prompt caching.
    assert verdicts.models["unpriced"] == {"claude-2", "claude-v1"}
    assert verdicts.counts["equal"] >= 250
    assert len(verdicts.models["equal"]) == 27


@pytest.mark.parametrize(
    ("provider", "different"),
    [
        # OpenAI lists no cached price for o1-pro, Azure has a meter for it. Azure asks for its
        # open model what it likes.
        pytest.param(OPENAI, {"o1-pro", "gpt-oss-120b"}, id="openai"),
        pytest.param(
            AZURE,
            {
                "o1-pro",
                # They have no Azure price of their own, or one from before the feed's meters.
                "gpt-oss-120b",
                "grok-3-mini",
                "DeepSeek-V3.2",
                "DeepSeek-V4-Flash",
                "DeepSeek-V4-Pro",
                # Their price is about a tenth of the meter's (0.00135 per 1,000 tokens).
                "DeepSeek-R1",
                # One meter for all tokens; they price the prompt alone.
                "babbage-002",
                "davinci-002",
            },
            id="azure",
        ),
    ],
)
def test_azure_global_standard_costs_what_the_provider_lists(
    provider: List, different: set[str]
) -> None:
    verdicts = tally(provider.verdicts())

    assert verdicts.models["different"] == different
    # In the other cases one of the two has no price: a model, a region or a kind of token.
    assert verdicts.counts["equal"] >= 230
    assert len(verdicts.models["equal"]) > 60
