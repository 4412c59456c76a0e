"""`metering prices coverage`, `unpriced`, `proposed` and `publish`, and dates in own files."""

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Metering

_AT: Final = ("--at", "2026-11-01T00:00:00Z")


def test_coverage_says_of_every_listed_model_whether_it_is_priced_and_why_not(
    metering: "Metering",
) -> None:
    found = metering.run("prices", "coverage", "--json").json
    models = {one["model"]: one for one in found["models"]}

    assert len(models) > 130
    assert all(one["priced"] for one in models.values())
    assert models["gpt-5.6-luna"]["reported"]
    assert "regional/standard" in models["gpt-4.1"]["by_region"]
    assert models["FW-GLM-5"]["reason"].endswith("prices exist for data_zone")
    assert all(one["reason"] and one["examples"] for one in found["left_out"])
    sources = {one["source"]: one["retrieved"] for one in found["sources"]}
    assert sources["prices.azure.com"] == "2026-08-11"
    assert sources["www.anthropic.com"] == "2026-11-09"


def test_for_people_coverage_is_a_table_with_the_age_of_each_source(metering: "Metering") -> None:
    ran = metering.run("prices", "coverage")

    assert "models have a price" in ran.stdout
    assert "Meters of the feed without a price row" in ran.stdout
    assert "prices.azure.com: " in ran.stdout


def test_without_unpriced_requests_there_is_nothing_to_explain(metering: "Metering") -> None:
    assert "every request with known counts has a price" in (
        metering.run("prices", "unpriced").stdout
    )
    assert metering.run("prices", "unpriced", "--json").json == []


def test_nothing_is_proposed_before_the_feed_was_read(metering: "Metering") -> None:
    assert metering.run("prices", "proposed").stdout.strip() == "no prices are proposed"
    assert metering.run("prices", "proposed", "--json").json["name"] is None
    refused = metering.run("prices", "publish")
    assert refused.code == 1
    assert "run `metering prices refresh`" in refused.stderr


@pytest.mark.parametrize(
    ("model", "usage", "options", "amount"),
    [
        # 14,000 x 6 and 1,010 x 10 a million: 0.084 + 0.0101
        (
            "gpt-4o-transcribe",
            {
                "type": "tokens",
                "input_tokens": 14_000,
                "input_token_details": {"text_tokens": 0, "audio_tokens": 14_000},
                "output_tokens": 1_010,
                "total_tokens": 15_010,
            },
            (),
            "0.0941",
        ),
        # 9,548 x 3 and 528 x 15 a million, and 2 x 0.01: 0.028644 + 0.00792 + 0.02
        (
            "claude-sonnet-4-5",
            {
                "input_tokens": 9548,
                "output_tokens": 528,
                "cache_read_input_tokens": 0,
                "server_tool_use": {"web_search_requests": 2},
            },
            (),
            "0.056564",
        ),
        # 11 s x 0.36 an hour
        ("whisper", {"type": "duration", "seconds": 11}, (), "0.0011"),
        # 1,000,000 x 2 and 1,000 x 8 a million, and a fee of 0.14
        (
            "gpt-4.1",
            {"prompt_tokens": 1_000_000, "completion_tokens": 1_000},
            ("--deployment", "model-router"),
            "2.148",
        ),
        # Grok 4: 663 x 3, (50 + 124) x 15 a million
        (
            "Grok-4",
            {
                "prompt_tokens": 663,
                "completion_tokens": 50,
                "total_tokens": 837,
                "completion_tokens_details": {"reasoning_tokens": 124},
            },
            (),
            "0.004599",
        ),
        # Azure has no cached discount in batch before GPT-5: 1,000 x 1.25 and 50 x 5 a million
        (
            "gpt-4o",
            {
                "prompt_tokens": 1000,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 600},
            },
            ("--tier", "batch"),
            "0.0015",
        ),
        # the tier in the usage: 1,000,000 x 1 a million
        (
            "gpt-4.1",
            {"prompt_tokens": 1_000_000, "completion_tokens": 0, "service_tier": "batch"},
            (),
            "1",
        ),
        # no region is needed: 1,000,000 x 0.58 a million
        ("deepseek-v3.2", {"prompt_tokens": 1_000_000, "completion_tokens": 0}, (), "0.58"),
        # realtime: 40 x 4, 20 x 0.4, 40 x 0.4, 10 x 16 a million
        (
            "gpt-realtime",
            {
                "input_tokens": 100,
                "output_tokens": 10,
                "input_token_details": {
                    "audio_tokens": 40,
                    "cached_tokens": 60,
                    "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 40},
                },
            },
            (),
            "0.000344",
        ),
        # the cuts that were reported: 200,000 x 0.2, x 2 and x 4 a million
        ("gpt-5.6-luna", {"prompt_tokens": 200_000, "completion_tokens": 0}, (), "0.04"),
        ("gpt-5.6-terra", {"prompt_tokens": 200_000, "completion_tokens": 0}, (), "0.4"),
        ("gpt-5.6-sol", {"prompt_tokens": 200_000, "completion_tokens": 0}, (), "0.8"),
    ],
)
def test_a_quote_reads_usage_as_the_ledger_does(
    metering: "Metering", model: str, usage: dict[str, Any], options: tuple[str, ...], amount: str
) -> None:
    ran = metering.run(
        *("quote", "--model", model, *options, *_AT, "--json", "--usage", json.dumps(usage))
    )

    assert ran.json["amount"] == amount, ran.json["reason"]


@pytest.mark.parametrize(
    ("model", "date", "price"),
    [
        ("gpt-5.6-luna", "2026-07-31", "1"),
        ("gpt-5.6-luna", "2026-08-01", "0.2"),
        ("gpt-5.6-terra", "2026-07-31", "2.5"),
        ("gpt-5.6-terra", "2026-08-01", "2"),
        ("gpt-5.6-sol", "2026-08-31", "5"),
        ("gpt-5.6-sol", "2026-09-01", "4"),
        ("claude-sonnet-4-5", "2025-10-01", "3"),
        ("claude-opus-4-7", "2026-05-01", "5"),
    ],
)
def test_cuts_and_first_prices_hold_from_their_dates(
    metering: "Metering", model: str, date: str, price: str
) -> None:
    ran = metering.run(
        *("quote", "--model", model, "--at", f"{date}T12:00:00Z", "--json"),
        *("--usage", '{"prompt_tokens": 1000, "completion_tokens": 0}'),
    )

    listed = Decimal(ran.json["lines"][0]["list_price"]) * 1_000_000
    assert listed == Decimal(price)


@pytest.mark.parametrize(
    ("options", "usage", "reason"),
    [
        (
            ("--model", "gpt-4.1", "--deployment-type", "regional"),
            {"prompt_tokens": 1},
            "depends on the region, and the request names none: prices exist for eastus",
        ),
        (
            ("--model", "claude-opus-5"),
            {"input_tokens": 1, "output_tokens": 1, "speed": "fast"},
            "speed: may be charged, but has no pricing rule",
        ),
        (
            ("--model", "gpt-4.1"),
            {"prompt_tokens": 1, "service_tier": "ultra"},
            "in service tier ultra",
        ),
    ],
)
def test_a_quote_without_a_price_says_what_is_missing(
    metering: "Metering", options: tuple[str, ...], usage: dict[str, Any], reason: str
) -> None:
    ran = metering.run("quote", *options, *_AT, "--json", "--usage", json.dumps(usage))

    assert not ran.json["priced"]
    assert reason in ran.json["reason"]


_OWN: Final = """currency: USD
prices:
- {model: house, effective_from: DAY, per_million_tokens: {input: '1'}}
other_meters:
- {meter: rooms, unit: hour, price: '2', effective_from: DAY}
"""


@pytest.mark.parametrize("day", ["2026-03-01", "'2026-03-01'", "2026-03-01T00:00:00Z"])
def test_an_unquoted_date_is_a_date(metering: "Metering", day: str) -> None:
    path = metering.folder / "own.yaml"
    path.write_text(_OWN.replace("DAY", day))

    found = metering.run("prices", "diff", path, "--json").json
    assert {one["effective_from"] for one in found["changes"]} == {"2026-03-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("day", "complaint"),
    [
        ("0001-01-01", "own.yaml:3: effective_from: .*between 2010 and 2100"),
        ("2026-13-01", "own.yaml:3: effective_from: .*month must be in 1..12"),
        ("2026-03-01 10:00:00", "own.yaml:3: effective_from: .*not an RFC 3339 time"),
        ("2026-03-01T10:00:00", "own.yaml:3: effective_from: .*no time zone"),
    ],
)
def test_a_date_that_is_none_is_one_clear_line(
    metering: "Metering", day: str, complaint: str
) -> None:
    path = metering.folder / "own.yaml"
    path.write_text(_OWN.replace("DAY", day))
    ran = metering.run("prices", "import", path)

    assert ran.code == 1
    assert len(ran.stderr.strip().splitlines()) == 1
    assert re.search(complaint, ran.stderr)


_METER: Final = {"meter": "x", "unit": "h", "price": "1", "effective_from": "2026-03-01"}
_PRICE: Final = {
    "model": "x",
    "effective_from": "2026-03-01",
    "per_million_tokens": {"input": "1"},
}


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"other_meters": [_METER | {"meter": "x\ud800"}]}, "other_meters[0]: meter: "),
        (
            {"other_meters": [_METER | {"effective_from": "0001-03-01"}]},
            "other_meters[0]: effective_from: ",
        ),
        ({"version": "v\ud800"}, "version: "),
        ({"prices": [_PRICE | {"model": "x\ud800"}]}, "model: "),
        ({"prices": [_PRICE | {"above_tokens": 10**12}]}, "above_tokens: "),
    ],
)
def test_what_cannot_be_stored_is_refused_by_name(
    metering: "Metering", changes: dict[str, Any], complaint: str
) -> None:
    path = metering.folder / "own.json"
    path.write_text(json.dumps({"currency": "USD"} | changes))
    ran = metering.run("prices", "diff", path)

    assert ran.code == 1
    assert complaint in ran.stderr
