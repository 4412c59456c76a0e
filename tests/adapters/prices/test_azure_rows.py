"""Items of Azure's feed, gathered into rows: exact, dated, and nothing guessed."""

from decimal import Decimal
from typing import Final

import pytest

from metering.adapters.prices.azure_retail import bundled_azure_prices
from metering.adapters.prices.azure_rows import AzureItem, azure_rows
from metering.adapters.prices.price_import import SourceRow

GPT: Final = "Azure OpenAI"


def item(
    meter: str, price: str, *regions: str, since: str = "2025-04-01", unit: str = "1K"
) -> AzureItem:
    where = regions or ("eastus2",)
    return AzureItem(GPT, meter, unit, Decimal(price), f"{since}T00:00:00Z", where)


def rows(*items: AzureItem) -> list[SourceRow]:
    return azure_rows(items)[0]


def reasons(*items: AzureItem) -> list[str]:
    return [skipped.reason for skipped in azure_rows(items)[1]]


INPUT: Final = "gpt 4.1 Inp glbl Tokens"
CACHED: Final = "gpt 4.1 cached Inp glbl Tokens"
OUTPUT: Final = "gpt 4.1 Outp glbl Tokens"


@pytest.mark.parametrize(
    ("price", "unit"), [("0.002", "1K"), ("2", "1M"), ("2.0", "1M"), ("2E-3", "1K")]
)
def test_both_units_give_the_price_of_a_million_tokens(price: str, unit: str) -> None:
    (row,) = rows(item(INPUT, price, unit=unit))

    assert row.per_million_tokens == {"input": Decimal(2)}
    assert (row.units, row.meters) == ({"input": unit}, {"input": INPUT})


def test_meters_of_one_price_everywhere_make_one_row_for_any_region() -> None:
    (row,) = rows(
        item(INPUT, "0.002", "eastus2", "westus"), item(OUTPUT, "0.008", "eastus2", "westus")
    )

    assert (row.model, row.region, row.effective_from) == ("gpt-4.1", None, "2025-04-01T00:00:00Z")
    assert row.per_million_tokens == {"input": Decimal(2), "output": Decimal(8)}


def test_where_one_region_differs_every_region_has_its_own_row() -> None:
    found = rows(item(INPUT, "0.002", "eastus2", "westus"), item(INPUT, "0.0025", "swedencentral"))

    assert {row.region: row.per_million_tokens["input"] for row in found} == {
        "eastus2": Decimal(2),
        "westus": Decimal(2),
        "swedencentral": Decimal("2.5"),
    }


def test_a_government_region_does_not_make_the_price_depend_on_the_region() -> None:
    found = rows(item(INPUT, "0.002", "eastus2", "westus"), item(INPUT, "0.0025", "usgovvirginia"))

    assert {row.region: row.per_million_tokens["input"] for row in found} == {
        None: Decimal(2),
        "usgovvirginia": Decimal("2.5"),
    }


def test_prices_of_government_regions_alone_stay_theirs() -> None:
    found = rows(item(INPUT, "0.002", "usgovvirginia"), item(INPUT, "0.0025", "usgovarizona"))

    assert {row.region for row in found} == {"usgovvirginia", "usgovarizona"}


def test_cached_tokens_of_a_batch_before_gpt_5_are_billed_as_its_input() -> None:
    (before,) = rows(item("gpt 4.1 Batch Inp glbl Tokens", "0.001"))
    (after,) = rows(item("5 Batch Inp glbl Tokens", "0.001"))
    (standard,) = rows(item(INPUT, "0.002"))

    assert before.billed_as == {"cached_read": "input"}
    assert after.billed_as == standard.billed_as == {}


def test_another_meters_price_is_for_one_of_its_units() -> None:
    # 0.36 an hour is 0.0001 a second.
    (whisper,) = rows(item("Speech-to-Text-Batch-Whisper-glbl Unit", "0.36", unit="1 Hour"))

    assert (whisper.model, whisper.unit) == ("whisper", "second")
    assert whisper.per_million_tokens == {"quantity": Decimal("0.0001")}


def test_a_bucket_that_comes_later_begins_a_row_of_its_own() -> None:
    first, second = rows(item(INPUT, "0.002"), item(CACHED, "0.0005", since="2025-10-01"))

    assert (first.effective_from[:7], [*first.per_million_tokens]) == ("2025-04", ["input"])
    assert (second.effective_from[:7], [*second.per_million_tokens]) == (
        "2025-10",
        ["input", "cached_read"],
    )


def test_an_older_price_in_the_feed_holds_until_the_newer_one() -> None:
    found = rows(item(INPUT, "0.002", since="2025-10-01"), item(INPUT, "0.003"))

    assert [(row.effective_from[:7], row.per_million_tokens["input"]) for row in found] == [
        ("2025-04", Decimal(3)),
        ("2025-10", Decimal(2)),
    ]


def test_the_same_price_listed_twice_is_one_row_from_the_first_day_on() -> None:
    (row,) = rows(item(INPUT, "0.002", since="2025-10-01"), item(INPUT, "0.002"))

    assert row.effective_from == "2025-04-01T00:00:00Z"


def test_two_prices_from_the_same_day_are_left_out_and_listed() -> None:
    two = (item(INPUT, "0.002"), item("gpt-4.1-Inp-glbl Tokens", "0.003"))

    assert rows(*two) == []
    (reason,) = reasons(*two)
    assert "'gpt 4.1 Inp glbl Tokens' and 'gpt-4.1-Inp-glbl Tokens' say 2.000 and 3.000" in reason


def test_cached_tokens_dearer_than_others_are_left_out_and_listed() -> None:
    swapped = (item(INPUT, "0.0005"), item(CACHED, "0.002"))

    assert rows(*swapped) == []
    assert reasons(*swapped) == ["any region: cached tokens dearer than others"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (item(INPUT, "0"), "has a price of 0"),
        (item(INPUT, "0.0000000001"), "1E-10 per 1K has more decimals than a price file holds"),
        (AzureItem(GPT, INPUT, "1K", Decimal(1), "2025-04-01T00:00:00Z", ()), "names no region"),
    ],
)
def test_an_item_that_prices_nothing_is_listed(wrong: AzureItem, why: str) -> None:
    assert (rows(wrong), reasons(wrong)) == ([], [why])


def test_cached_text_and_cached_images_have_their_own_prices() -> None:
    text, image = "gpt rt txt 0828 cchd Inp glbl Tokens", "gpt rt img 0828 cchd Inp glbl Tokens"
    plain = item("gpt rt txt 0828 Inp glbl Tokens", "0.004")

    (found,) = rows(plain, item(text, "0.0004"), item(image, "0.0005"))

    assert found.per_million_tokens == {
        "input": Decimal(4),
        "cached_read": Decimal("0.4"),
        "cached_image": Decimal("0.5"),
    }


def test_the_output_of_a_model_that_makes_only_images_is_its_images() -> None:
    (row,) = rows(item("gpt-image-1-output-img-glbl Tokens", "0.04"))

    assert row.per_million_tokens == {"output": Decimal(40), "output_image": Decimal(40)}


def test_a_region_without_images_keeps_the_rest_of_what_it_lists() -> None:
    found = rows(
        item("gpt-image-1-inp-txt-glbl Tokens", "0.005", "eastus2"),
        item("gpt-image-1-inp-txt-glbl Tokens", "0.006", "westus"),
        item("gpt-image-1-output-img-glbl Tokens", "0.04", "westus"),
    )

    assert {row.region: sorted(row.per_million_tokens) for row in found} == {
        "eastus2": ["input"],
        "westus": ["input", "output", "output_image"],
    }


def test_the_bundled_snapshot_gives_the_same_file_every_time() -> None:
    first = bundled_azure_prices()

    assert first.content == bundled_azure_prices().content
    assert first.version == "azure-retail-import-2026-08-11"
    assert len(first.rows) > 1_500
    # Every meter that is not in a row is in the list.
    assert len(first.skipped) > 200
