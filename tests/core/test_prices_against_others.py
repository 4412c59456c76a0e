"""Our amounts against two independent implementations, to the last digit, in the same run.

azure_genai_prices reads the same snapshot of Azure's feed with a parser of its own; genai_prices
has the providers' list prices and a reader of usage objects of its own. Where they differ from us,
the case stands here with its reason.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any, Final, NamedTuple

import azure_genai_prices
import pytest
from azure_genai_prices.meters import parse_meter_name
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot

from metering.adapters.files import committed_prices
from metering.core.instants import Instant, parse_instant
from metering.core.money import to_decimal
from metering.core.plan import DEFAULT_PLAN
from metering.core.price_book import PriceRow
from metering.core.provider_usage import ProviderUsage, disjoint_buckets
from metering.core.rating import Priced, rate_card, rate_usage

BOOK: Final = committed_prices()
NOVEMBER: Final = "2026-11-20T00:00:00+00:00"
JULY: Final = "2026-07-29T00:00:00+00:00"
"""Before OpenAI's prices of 2026-07-30, which Azure's feed of August does not have."""

type Usage = dict[str, Any]


class Verdicts(NamedTuple):
    counts: Counter[str]
    models: dict[str, set[str]]
    """By verdict, the models that it was about."""


def ours(priced: Priced, usage: Usage, at: Instant) -> object:
    """Return our amount as a Decimal; None where the request is unpriced."""
    buckets = disjoint_buckets(ProviderUsage.model_validate(usage))
    amount = rate_usage(rate_card(BOOK, DEFAULT_PLAN, priced, at), buckets)[1]
    return None if amount is None else to_decimal(amount)


def tally(found: Iterator[tuple[str, str]]) -> Verdicts:
    verdicts = Verdicts(Counter(), {})
    for model, verdict in found:
        verdicts.counts[verdict] += 1
        verdicts.models.setdefault(verdict, set()).add(model)
    return verdicts


# Azure's feed, read by azure_genai_prices.

_TEXT: Final = {"input", "cached_read", "cache_write", "output"}
AZURE_USAGES: Final[list[Usage]] = [
    {"prompt_tokens": 1_234, "completion_tokens": 567},
    {
        "prompt_tokens": 1_000,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 999},
    },
    {"prompt_tokens": 199_999, "completion_tokens": 3},
    {
        "prompt_tokens": 300_001,
        "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 7, "cache_write_tokens": 100_000},
    },
]

AZURE_REFUSED_BY_THEM: Final = {
    # Their marker for fine-tuned models is in the name of the product "PP FT GPT4s" as well.
    "gpt-4.1",
    "gpt-4.1-mini",
}
AZURE_DIFFERENT: Final = {
    # They cannot read the misspelt "ccchd", and bill cached tokens as others.
    "gpt-5-codex",
}


def committed_lines() -> list[dict[str, Any]]:
    """Return the last line of each place in the Azure files."""
    latest: dict[tuple[object, ...], dict[str, Any]] = {}
    folder = files("metering") / "prices"
    for name in ("azure-retail-2026-08-11.json", "azure-retail-2026-08-11-more.json"):
        for line in json.loads((folder / name).read_text("utf-8"))["prices"]:
            place = tuple(
                line[field]
                for field in ("model", "deployment_type", "region", "service_tier", "context_tier")
            )
            if place not in latest or latest[place]["effective_from"] < line["effective_from"]:
                latest[place] = line
    return list(latest.values())


def against_azure() -> Iterator[tuple[str, str]]:
    snapshot = files("azure_genai_prices.data").joinpath("snapshot.json").read_text("utf-8")
    items = {item["meterName"]: item for item in json.loads(snapshot)["items"]}
    for line in committed_lines():
        meters = line["meters"]
        if not {"input", "output"} <= meters.keys() <= _TEXT:
            continue
        item = items[meters["input"]]
        key = parse_meter_name(meters["input"], item["productName"])
        if key is None:
            yield line["model"], "they cannot read the meter"
            continue
        region = line["region"] or item["regions"][0]
        long = line["context_tier"] == "long"
        for usage in AZURE_USAGES:
            # Each row with prompts of its own length.
            if (usage["prompt_tokens"] > 200_000) is not long:
                continue
            mine = ours(
                Priced(line["model"], line["deployment_type"], region, line["service_tier"]),
                usage,
                parse_instant(NOVEMBER),
            )
            yield line["model"], _verdict_on_azure(line, usage, key.model, region, mine)


def _verdict_on_azure(
    line: Mapping[str, Any], usage: Usage, model: str, region: str, mine: object
) -> str:
    parts = usage.get("prompt_tokens_details", {})
    # They count cache writes beside the prompt, OpenAI counts them inside.
    theirs = azure_genai_prices.Usage(
        input_tokens=usage["prompt_tokens"] - parts.get("cache_write_tokens", 0),
        output_tokens=usage["completion_tokens"],
        cache_read_tokens=parts.get("cached_tokens", 0),
        cache_write_tokens=parts.get("cache_write_tokens", 0),
    )
    if mine is None:
        return "unpriced: a kind of token without a meter"
    try:
        price = azure_genai_prices.calc_price(
            theirs,
            model,
            deployment=line["deployment_type"],
            mode=line["service_tier"],
            context="short" if line["context_tier"] is None else "long",
            region=region,
        )
    except azure_genai_prices.PriceNotFound:
        return "they have no price"
    return "equal" if price.total_cost == mine else "different"


def test_every_text_price_of_azure_equals_that_of_another_reader_of_the_feed() -> None:
    verdicts = tally(against_azure())

    assert verdicts.models["different"] == AZURE_DIFFERENT
    assert verdicts.models["they have no price"] == AZURE_REFUSED_BY_THEM
    # One price for all tokens, whether read or written: they leave such models out.
    assert verdicts.models["they cannot read the meter"] == {"babbage-002", "davinci-002"}
    assert verdicts.counts["equal"] > 4_000
    assert len(verdicts.models["equal"]) > 90


def test_what_they_bill_as_input_for_want_of_a_meter_is_unpriced_here() -> None:
    for line in committed_lines():
        if line["model"] != "DeepSeek-V3.2":
            continue
        usage = {
            "prompt_tokens": 10,
            "completion_tokens": 1,
            "prompt_tokens_details": {"cached_tokens": 5},
        }
        priced = Priced(line["model"], line["deployment_type"], line["region"], "standard")
        assert ours(priced, usage, parse_instant(NOVEMBER)) is None


# The providers' list prices, in genai_prices.

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
        mine = ours(Priced(model, "global", None, tier), usage, parse_instant(self.at))
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
        # OpenAI lists no cached price for o1-pro, Azure has a meter for it.
        pytest.param(OPENAI, {"o1-pro"}, id="openai"),
        pytest.param(
            AZURE,
            {
                "o1-pro",
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
