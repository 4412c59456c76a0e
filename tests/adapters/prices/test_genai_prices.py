"""genai-prices as a source: what is dated, tiered or unclear in it."""

from datetime import UTC, date, time
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import (
    ClauseEquals,
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    StartDateConstraint,
    Tier,
    TieredPrices,
    TimeOfDateConstraint,
)

from metering.adapters.prices.genai_prices_source import genai_prices
from metering.adapters.prices.genai_rows import genai_rows
from metering.adapters.prices.price_import import SourceRow
from metering.core.basics.errors import ConfigurationError

PRICES: Final = Path(str(files("metering"))) / "prices"
AS_OF: Final = date(2026, 11, 9)
PLAIN: Final = ModelPrice(input_mtok=Decimal(2), output_mtok=Decimal(8))
NOON: Final = time(12, tzinfo=UTC)
BATCH: Final = {"processing": "batch"}


def model(prices: Any, *variants: PriceVariant) -> ModelInfo:
    return ModelInfo(
        id="claude-x",
        match=ClauseEquals("claude-x"),
        prices=prices,
        price_variants=list(variants),
    )


def rows(info: ModelInfo) -> list[SourceRow]:
    return genai_rows("anthropic", [info], AS_OF)[0]


def reasons(info: ModelInfo) -> list[str]:
    return [skipped.reason for skipped in genai_rows("anthropic", [info], AS_OF)[1]]


def test_a_price_without_a_start_holds_from_the_date_of_the_data() -> None:
    (row,) = rows(model(PLAIN))

    assert (row.effective_from, row.channel) == ("2026-11-09T00:00:00Z", "marketplace")
    assert row.per_million_tokens == {"input": Decimal(2), "output": Decimal(8)}


def test_a_price_holds_from_its_own_start_and_what_it_ended_has_none() -> None:
    info = model(
        [
            ConditionalPrice(prices=ModelPrice(input_mtok=Decimal(4))),
            ConditionalPrice(StartDateConstraint(date(2026, 3, 13)), prices=PLAIN),
        ]
    )

    assert [row.effective_from[:10] for row in rows(info)] == ["2026-03-13"]
    assert reasons(info) == ["a price until 2026-03-13, it is not known from when on"]


def test_an_announced_price_follows_the_one_in_force() -> None:
    info = model(
        [
            ConditionalPrice(prices=PLAIN),
            ConditionalPrice(
                StartDateConstraint(date(2027, 1, 1)), prices=ModelPrice(input_mtok=Decimal(1))
            ),
        ]
    )

    assert [row.effective_from[:10] for row in rows(info)] == ["2026-11-09", "2027-01-01"]


def test_a_tier_by_the_size_of_the_prompt_is_a_long_context_row() -> None:
    tiered = TieredPrices(base=Decimal(2), tiers=[Tier(start=200_000, price=Decimal(4))])
    short, long = rows(model(ModelPrice(input_mtok=tiered, output_mtok=Decimal(8))))

    assert (short.above_tokens, short.per_million_tokens["input"]) == (None, Decimal(2))
    assert (long.above_tokens, long.per_million_tokens["input"]) == (200_000, Decimal(4))
    assert long.per_million_tokens["output"] == Decimal(8)


@pytest.mark.parametrize(
    ("info", "why"),
    [
        pytest.param(
            model(
                ModelPrice(
                    input_mtok=TieredPrices(
                        base=Decimal(1), tiers=[Tier(1, Decimal(2)), Tier(2, Decimal(3))]
                    )
                )
            ),
            "has more than one long-context tier",
            id="two tiers",
        ),
        pytest.param(
            model(ModelPrice(web_searches_kcount=Decimal(10))),
            "web_searches_kcount: no kind of token that a bucket holds",
            id="no tokens",
        ),
        pytest.param(
            model([ConditionalPrice(TimeOfDateConstraint(NOON, NOON), prices=PLAIN)]),
            "a price that depends on the time of day",
            id="hours",
        ),
    ],
)
def test_what_no_row_can_say_is_listed(info: ModelInfo, why: str) -> None:
    assert rows(info) == []
    assert why in reasons(info)


def test_images_that_cost_other_than_the_text_they_are_counted_with_take_its_price_away() -> None:
    info = model(
        ModelPrice(
            input_mtok=Decimal(5), cache_read_mtok=Decimal(1), cache_image_read_mtok=Decimal(2)
        )
    )

    assert [*rows(info)[0].per_million_tokens] == ["input"]
    assert reasons(info) == ["cached_read: images cost other than text, counted with it"]


def test_the_rows_of_a_provider_have_its_own_models_under_the_names_that_they_go_by() -> None:
    def sold(provider: str, id_: str) -> list[tuple[str, tuple[str, ...]]]:
        known = ClauseEquals(id_.removeprefix("regional."))
        info = ModelInfo(id=id_, match=known, prices=PLAIN)
        return [(row.model, row.aliases) for row in genai_rows(provider, [info], AS_OF)[0]]

    assert sold("google", "gemini-x") == [("gemini-x", ("google/gemini-x",))]
    assert sold("google", "claude-x") == sold("aws", "claude-x") == []
    assert sold("mistral", "mistral-medium-3-5") == []
    parts = [f"{part}.maker.x" for part in ("apac", "au", "eu", "jp", "us", "us-gov")]
    assert sold("aws", "regional.maker.x") == [("maker.x", tuple(sorted(parts)))]
    assert sold("aws", "global.maker.x") == [("global.maker.x", ())]


def test_pages_and_searches_are_meters_of_their_own() -> None:
    ocr = ModelInfo(
        id="mistral-ocr-x",
        match=ClauseEquals("mistral-ocr-x"),
        prices=ModelPrice(input_document_kpages=Decimal(3)),
    )
    (page,) = genai_rows("mistral", [ocr], AS_OF)[0]
    assert (page.model, page.unit) == ("mistral-ocr-x", "page")
    assert page.per_million_tokens == {"quantity": Decimal("0.003")}
    found = genai_prices(AS_OF, "google").rows
    searches = [
        (row.model, row.unit, row.per_million_tokens["quantity"])
        for row in found
        if row.unit != "token"
    ]
    assert searches == [
        ("grounded_prompts", "call", Decimal("0.035")),
        ("search_queries", "query", Decimal("0.014")),
    ]


@pytest.mark.parametrize("provider", ["aws", "cohere", "google", "mistral"])
def test_a_committed_file_is_what_the_package_says(provider: str) -> None:
    imported = genai_prices(AS_OF, provider)
    assert imported.content == (PRICES / f"{imported.version}.json").read_bytes()


def test_a_batch_price_is_a_row_of_its_tier_from_its_own_start() -> None:
    half = ModelPrice(input_mtok=Decimal(1), output_mtok=Decimal(4))
    start = StartDateConstraint(date(2026, 10, 14))

    batch = rows(model(PLAIN, PriceVariant(BATCH, half, start)))[1]

    assert (batch.service_tier, batch.effective_from[:10]) == ("batch", "2026-10-14")
    assert batch.per_million_tokens == {"input": Decimal(1), "output": Decimal(4)}


def test_a_batch_price_of_one_kind_of_token_leaves_the_others_as_they_are() -> None:
    start = StartDateConstraint(date(2026, 10, 14))
    variant = PriceVariant(BATCH, ModelPrice(input_mtok=Decimal(1)), start)

    batch = rows(model(PLAIN, variant))[1]

    # What it shares with the standard price is known from that price's start on.
    assert batch.effective_from[:10] == "2026-11-09"
    assert batch.per_million_tokens == {"input": Decimal(1), "output": Decimal(8)}


def test_a_variant_that_is_no_service_tier_is_listed() -> None:
    info = model(PLAIN, PriceVariant({"speed": "fast"}, PLAIN))

    assert [row.service_tier for row in rows(info)] == ["standard"]
    assert reasons(info) == ["the variant {'speed': 'fast'} is not a service tier of Azure"]


def test_the_default_tier_changes_nothing() -> None:
    info = model(PLAIN, PriceVariant({"service_tier": "default"}, ModelPrice()))

    assert (len(rows(info)), reasons(info)) == (1, [])


def test_a_one_hour_cache_write_is_the_long_one() -> None:
    found = genai_prices(AS_OF)
    (row,) = (
        row
        for row in found.rows
        if row.model == "claude-sonnet-4-6" and row.service_tier == "standard"
    )

    # Anthropic: reads 0.1, five-minute writes 1.25 and one-hour writes 2 times the input price.
    assert row.per_million_tokens == {
        "input": Decimal(3),
        "cached_read": Decimal("0.3"),
        "cache_write": Decimal("3.75"),
        "cache_write_long": Decimal(6),
        "output": Decimal(15),
    }


def test_every_other_name_of_a_model_is_the_same_model_to_the_package() -> None:
    snapshot = get_snapshot()
    for row in genai_prices(AS_OF).rows:
        for name in (row.model, *row.aliases):
            _, found = snapshot.find_provider_model(name, None, "anthropic", None)
            assert found.id.removesuffix("-latest") == row.model


def test_a_provider_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="has no provider 'nobody'"):
        genai_prices(AS_OF, "nobody")
