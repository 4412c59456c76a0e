"""Our amounts against another reader of Azure's feed, to the last digit, in the same run.

azure_genai_prices reads the same snapshot with a parser of its own. Where it differs from us, the
case stands here with its reason. The providers' own lists: test_prices_against_lists.py.
"""

import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any, Final

import azure_genai_prices
from azure_genai_prices.meters import parse_meter_name

from metering.core.basics.instants import parse_instant
from metering.core.prices.priced import PricingKey
from tests.verdicts import Usage, ours, tally

NOVEMBER: Final = parse_instant("2026-11-20T00:00:00Z")

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
    # Their snapshot is from before the cuts that were reported since.
    "gpt-5.6-luna",
    "gpt-5.6-sol",
    "gpt-5.6-terra",
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
                PricingKey(line["model"], line["deployment_type"], region, line["service_tier"]),
                usage,
                NOVEMBER,
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
        priced = PricingKey(line["model"], line["deployment_type"], line["region"], "standard")
        assert ours(priced, usage, NOVEMBER) is None
