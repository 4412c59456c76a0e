"""Other meters: a quantity of anything, counted and priced as exactly as tokens."""

import json
from typing import Any

import pytest

from metering.core.basics.errors import Code, ConfigurationError, RejectedEvent
from metering.core.basics.money import format_amount
from metering.core.prices.price_book import PriceBook, PriceKey
from metering.core.prices.price_file import read_price_file
from metering.core.prices.priced import PricingKey, priced_of
from metering.core.prices.rating import Rate, rate_card, rate_usage
from metering.core.usage.buckets import QUANTITY, from_names
from metering.core.usage.event import MAX_QUANTITY
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from metering.core.usage.usage_reader import UsageReader
from tests.builders import AT, NOW, meter_event, meter_price, plan, price_file


def read(**changes: Any) -> Usage:
    return UsageReader().read(json.dumps(meter_event(**changes)).encode(), NOW)


def rejection(**changes: Any) -> RejectedEvent:
    with pytest.raises(RejectedEvent) as caught:
        read(**changes)
    return caught.value


def book(*meters: dict[str, Any]) -> PriceBook:
    return PriceBook(read_price_file("p.json", price_file({}, meters=list(meters) or [{}])))


def rated(usage: Usage, prices: PriceBook, markup: str = "0") -> tuple[Rate, str | None]:
    priced = priced_of(usage.dimensions, None)
    rate, amount = rate_usage(rate_card(prices, plan(markup), priced, usage.time), usage.buckets)
    return rate, None if amount is None else format_amount(amount)


def test_a_quantity_is_kept_in_millionths_of_its_unit() -> None:
    usage = read(data__quantity="12.5")
    assert usage.buckets == from_names({QUANTITY: 12_500_000})
    assert (usage.dimensions.model, usage.dimensions.unit) == ("vector-search", "query")
    assert usage.evidence is Evidence.FULL
    assert usage.key == ("meter.usage.v1", "/app/search", "m-1")


def test_a_meter_event_and_a_request_of_one_id_are_two_events() -> None:
    assert read().key[0] != "llm.usage.v1"


@pytest.mark.parametrize(
    "quantity",
    [
        1,
        1.5,
        "1e3",
        "-1",
        "0.0000001",
        "",
        "many",
        None,
        str(MAX_QUANTITY + 1),
        f"{MAX_QUANTITY}.000001",
        "9" * 100,
    ],
)
def test_a_quantity_that_is_not_exact_is_rejected_by_name(quantity: object) -> None:
    why = rejection(data__quantity=quantity)
    assert why.code is Code.QUANTITY_INVALID
    assert "data.quantity" in why.reason
    assert "99999" not in why.reason


@pytest.mark.parametrize("quantity", ["0", "0.000001", str(MAX_QUANTITY)])
def test_a_quantity_at_its_bounds_is_accepted(quantity: str) -> None:
    assert read(data__quantity=quantity).buckets[-1] >= 0


@pytest.mark.parametrize("field", ["meter", "unit", "quantity"])
def test_a_missing_field_is_named(field: str) -> None:
    why = rejection(**{f"data__{field}": ...})
    assert f"data.{field}" in why.reason


def test_tokens_are_no_unit_of_another_meter() -> None:
    assert rejection(data__unit="token").reason.startswith("data.unit")
    with pytest.raises(ConfigurationError, match=r"other_meters.0.unit"):
        book(meter_price(unit="token"))


def test_times_out_of_bounds_are_rejected_as_those_of_requests_are() -> None:
    assert rejection(time="2024-01-01T00:00:00Z").code is Code.TOO_OLD
    assert rejection(time="2026-11-20T11:45:00").code is Code.TIME_WITHOUT_ZONE


def test_another_version_of_the_schema_is_named_so() -> None:
    assert rejection(type="meter.usage.v2").code is Code.UNKNOWN_SCHEMA_VERSION


def test_a_quantity_costs_its_units_times_their_price() -> None:
    # 12.5 queries x 0.004 = 0.05
    rate, amount = rated(read(data__quantity="12.5"), book())
    assert amount == "0.05"
    assert (rate.row, rate.unit, rate.channel) == (
        "vector-search/meter/any/per-query",
        "query",
        "microsoft",
    )


def test_the_smallest_quantity_at_the_smallest_price_and_markup_is_exact() -> None:
    # 0.000001 x 0.000001 x 1.000001
    prices = book(meter_price(price="0.000001"))
    _, amount = rated(read(data__quantity="0.000001"), prices, "0.000001")
    assert amount == "0.000000000001000001"


def test_another_unit_is_another_price_and_no_price_is_no_zero() -> None:
    assert rated(read(data__unit="batch"), book())[1] is None
    assert rated(read(data__meter="unheard-of"), book())[1] is None


def test_the_price_of_the_region_comes_first() -> None:
    prices = book({}, meter_price(region="eastus2", price="0.005"))
    assert rated(read(data__region="eastus2"), prices)[1] == "0.01"
    assert rated(read(data__region="westus"), prices)[1] == "0.008"


def test_a_model_of_a_meters_name_is_not_that_meter() -> None:
    assert book().find("vector-search", AT, PriceKey()) is None
    card = rate_card(book(), plan(), PricingKey("vector-search"), AT)
    assert rate_usage(card, from_names({"input": 1}))[1] is None
