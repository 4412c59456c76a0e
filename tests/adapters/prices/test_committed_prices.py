"""The committed price data: never edited, complete, and what Azure published, digit by digit."""

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import azure_genai_prices
import pytest

from metering.adapters.files import committed_prices
from metering.core.basics.instants import parse_instant
from metering.core.prices.price_book import PriceBook

FOLDER: Final = Path(str(files("metering"))) / "prices"
DIGESTS: Final = Path(__file__).parent / "committed_prices.sha256"
AZURE_FILES: Final = ("azure-retail-2026-08-11.json", "azure-retail-2026-08-11-more.json")
PER_MILLION: Final = {"1K": Decimal(1_000), "1M": Decimal(1)}

#: Meters per 1,000 or 1,000,000 that no committed row is made of, and why.
LEFT_OUT: Final = (
    (r"(?i)(^|[ -])r?ft([ -]|$)|FT|Fine Tuned", "a fine-tuned model"),
    (r"(?i)gra?de?r", "tokens of a grader"),
    (r" (Pages|Calls|Search|Characters)$", "not priced by the token"),
    (r"^Az-", "names no deployment type; two of them contradict the meters that do"),
    (r"^o1 Batch", "o1 or o1-preview: the name says neither; o1 1217 has a meter of its own"),
    (r"trb16K-Batch-(Inp|Outp)", "names no version, and versions differ in price"),
    (r"^gpt-latest", "no model of that name"),
    (r"(?i)^gpt[ -]im(g|age)[ -]1.*(cd|cch|cached)", "cached text and cached images in one count"),
    (r"^Image 2 .*cd inp", "cached text and cached images in one count"),
    (r"(?i)^gpt[ -](rt|realtime).*(img|image).*(cch|cd)", "cached images have no count"),
    (
        r"(?i)^gpt[ -](rt|realtime)[ -](1.5|2|txt|2.1|2.1-mini) ?(0828|mini|mn|txt|text)? (cch|cd)",
        "cached text and cached images in one count",
    ),
    (r"^gpt img 1.5 out", "text and images in one count of output"),
)


def snapshot() -> list[dict[str, Any]]:
    """Return the items of Azure's feed, prices as they are written."""
    text = files("azure_genai_prices.data").joinpath("snapshot.json").read_text("utf-8")
    items: list[dict[str, Any]] = json.loads(text, parse_float=Decimal)["items"]
    return items


def lines() -> Iterator[dict[str, Any]]:
    for name in AZURE_FILES:
        yield from json.loads((FOLDER / name).read_text("utf-8"))["prices"]


def left_out(meter: str) -> bool:
    return any(re.search(pattern, meter) for pattern, _ in LEFT_OUT)


def token_items() -> list[dict[str, Any]]:
    return [item for item in snapshot() if item["unitOfMeasure"] in PER_MILLION]


def test_committed_price_files_are_never_edited_or_removed() -> None:
    listed = {
        name: digest
        for digest, name in (line.split() for line in DIGESTS.read_text("utf-8").splitlines())
    }
    found = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in FOLDER.glob("*.json")
    }

    # A new file is added to the list; a line of the list is never changed.
    assert found == listed


def test_every_price_is_the_meters_price_times_its_unit() -> None:
    published: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in token_items():
        published[item["meterName"]].append(item)
    checked = 0
    for line in lines():
        for bucket, meter in line["meters"].items():
            prices = {
                item["retailPrice"] * PER_MILLION[item["unitOfMeasure"]]
                for item in published[meter]
                if line["region"] in {None, *item["regions"]}
                and item["effectiveStartDate"] <= line["effective_from"]
            }
            assert prices == {Decimal(line["per_million_tokens"][bucket])}, (line, bucket)
            checked += 1
    assert checked > 6_000


def test_every_token_meter_is_in_the_committed_prices_from_its_own_start_on() -> None:
    known: dict[tuple[str, str | None], str] = {}
    for line in lines():
        for meter in line["meters"].values():
            place = (meter, line["region"])
            known[place] = min(known.get(place, "9"), line["effective_from"])
    late = [
        (item["meterName"], region, item["effectiveStartDate"])
        for item in token_items()
        if not left_out(item["meterName"])
        for region in item["regions"]
        if min(
            known.get((item["meterName"], region), "9"), known.get((item["meterName"], None), "9")
        )
        > item["effectiveStartDate"]
    ]

    assert late == []


def test_what_is_left_out_is_left_out_whole() -> None:
    used = {meter for line in lines() for meter in line["meters"].values()}

    assert [meter for meter in sorted(used) if left_out(meter)] == []


def test_every_reason_to_leave_out_still_has_a_meter() -> None:
    meters = {item["meterName"] for item in token_items()}

    idle = [
        pattern for pattern, _ in LEFT_OUT if not any(re.search(pattern, meter) for meter in meters)
    ]
    assert idle == []


#: Families that another reader of the feed finds, and that no committed row is made of.
NO_FAMILY: Final = {
    "cohere-rerank-v4-fast": "billed by the search",
    "cohere-rerank-v4-pro": "billed by the search",
    "gpt-35-trb16k": "names no version",
    "latest-05052026": "no model of that name",
    "o1": "o1 or o1-preview",
    "o4-mini-dev-rft-glb": "a fine-tuned model",
    "rt-txt-0828-dzn": "cached text of gpt-realtime; the reader takes DZn for a name",
    "rt-txt-mini-dzn": "cached text of gpt-realtime-mini; the reader takes DZn for a name",
}


def test_every_model_family_that_another_reader_finds_is_in_the_committed_prices() -> None:
    azure_genai_prices.load_bundled_snapshot()
    used = {meter for line in lines() for meter in line["meters"].values()}
    missing = {
        family
        for family in azure_genai_prices.list_models()
        if not any(meter.meter_name in used for meter in azure_genai_prices.get_meters(family))
    }

    assert {family for family in missing if "-ft" not in family} == NO_FAMILY.keys()


@pytest.mark.parametrize(
    ("model", "since"),
    [
        ("gpt-35-turbo", "2024-05-01"),
        ("gpt-4", "2024-05-01"),
        ("gpt-4-turbo", "2024-05-01"),
        ("o1-pro", "2025-03-01"),
        ("gpt-4o-audio-preview", "2025-01-01"),
        ("gpt-realtime", "2025-09-01"),
        ("gpt-image-1", "2025-04-01"),
        ("gpt-5.6-luna", "2026-07-01"),
        ("gpt-5.6-terra", "2026-07-01"),
        ("grok-4", "2026-01-01"),
        ("DeepSeek-V3.2", "2025-12-01"),
        ("FW-GLM-5", "2026-06-01"),
        ("claude-sonnet-4-6", "2026-03-13"),
    ],
)
def test_a_family_is_priced_since(model: str, since: str) -> None:
    rows = [row for row in PriceBook(committed_prices()).rows.values() if row.model == model]

    assert min(row.effective_from for row in rows) == parse_instant(f"{since}T00:00:00Z")


def test_no_cached_token_is_dearer_than_an_uncached_one_and_no_cache_write_is_free() -> None:
    for row in PriceBook(committed_prices()).rows.values():
        plain, cached, write, write_long = row.prices[:4]
        assert plain is None or cached is None or cached <= plain
        assert write is None or write > 0
        assert write_long is None or write is None or write_long > write
