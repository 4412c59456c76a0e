"""What Azure lists becomes deployments; what it does not say is a reason, never a guess."""

from typing import Any

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.deployment import Deployment, Hosting, Provisioned, Scope
from metering.core.deployments.deployment_import import (
    FoundDeployment,
    HourlyPrices,
    LeftOut,
    read_found,
    read_hourly_prices,
)

NO_PRICES = HourlyPrices({})
DATA_ZONE = HourlyPrices({"data_zone": "1.1"})


def found(**changes: Any) -> FoundDeployment:
    made = FoundDeployment(
        account="contoso",
        name="chat",
        model="gpt-4o",
        model_version="2024-11-20",
        provider="OpenAI",
        region="eastus2",
        sku="GlobalStandard",
        capacity=10,
    )
    return made._replace(**changes)


def read(one: FoundDeployment, prices: HourlyPrices = NO_PRICES) -> Deployment:
    made = read_found(one, prices, None)
    assert isinstance(made, Deployment), made
    return made


def test_a_standard_deployment_takes_model_version_and_region_from_azure() -> None:
    assert read(found()) == Deployment(
        name="chat",
        account="contoso",
        model="gpt-4o",
        model_version="2024-11-20",
        provider="openai",
        deployment_type="global",
        region="eastus2",
    )


@pytest.mark.parametrize(
    ("sku", "deployment_type", "tier"),
    [
        ("Standard", "regional", None),
        ("DataZoneStandard", "data_zone", None),
        ("GlobalStandard", "global", None),
        ("DataZoneBatch", "data_zone", "batch"),
        ("GlobalBatch", "global", "batch"),
        ("globalbatch", "global", "batch"),
    ],
)
def test_how_it_is_sold_says_type_and_tier(sku: str, deployment_type: str, tier: str) -> None:
    made = read(found(sku=sku))
    assert (made.deployment_type, made.service_tier) == (deployment_type, tier)
    assert made.provisioned is None


@pytest.mark.parametrize(
    ("sku", "scope"),
    [
        ("ProvisionedManaged", "regional"),
        ("DataZoneProvisionedManaged", "data_zone"),
        ("GlobalProvisionedManaged", "global"),
    ],
)
def test_provisioned_units_take_the_price_of_their_scope(sku: str, scope: Scope) -> None:
    prices = HourlyPrices({"regional": "2", "data_zone": "1.1", "global": "1"}, "EUR")
    made = read(found(sku=sku, capacity=50), prices)
    price = {"regional": "2", "data_zone": "1.1", "global": "1"}[scope]
    assert made.deployment_type == "provisioned"
    assert made.provisioned == Provisioned(
        units=50, hourly_price=price, currency="EUR", scope=scope
    )


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (found(model=None), "names no model"),
        (found(model=""), "names no model"),
        (found(sku="DeveloperTier"), "sold as DeveloperTier, an unknown SKU"),
        (found(sku=None), "sold as an unnamed SKU"),
        (found(sku="GlobalProvisionedManaged", capacity=None), "names no units"),
        (found(sku="GlobalProvisionedManaged"), "no price: give --hourly-price global=PRICE"),
        (found(name="a/b"), "contoso/a/b: name: "),
    ],
)
def test_what_azure_does_not_say_is_left_out_with_the_reason(
    one: FoundDeployment, reason: str
) -> None:
    made = read_found(one, DATA_ZONE, None)
    assert isinstance(made, LeftOut)
    assert reason in made.reason


def test_what_azure_leaves_empty_stays_unknown() -> None:
    made = read(found(model_version="", provider=None, region=None))
    assert (made.model_version, made.provider, made.region) == (None, None, None)


def test_price_weights_and_idle_policy_of_units_stay_when_azure_is_asked_again() -> None:
    sku = "DataZoneProvisionedManaged"
    before = Deployment(
        name="chat",
        model="gpt-4o",
        deployment_type="provisioned",
        provisioned=Provisioned(
            units=10,
            hourly_price="0.9",
            currency="EUR",
            scope="data_zone",
            weights={"output": "4"},
            idle="equal",
        ),
    )
    kept = read_found(found(sku=sku, capacity=20), NO_PRICES, before)
    assert isinstance(kept, Deployment)
    assert kept.provisioned == Provisioned(
        units=20,
        hourly_price="0.9",
        currency="EUR",
        scope="data_zone",
        weights={"output": "4"},
        idle="equal",
    )
    given = read_found(found(sku=sku, capacity=20), DATA_ZONE, before)
    assert isinstance(given, Deployment)
    assert given.provisioned == Provisioned(
        units=20, hourly_price="1.1", scope="data_zone", weights={"output": "4"}, idle="equal"
    )


def test_the_price_of_another_scope_is_not_taken_over() -> None:
    before = read(found(sku="DataZoneProvisionedManaged"), DATA_ZONE)
    made = read_found(found(sku="ProvisionedManaged"), NO_PRICES, before)
    assert made == LeftOut("no price: give --hourly-price regional=PRICE")


def test_hourly_prices_are_read_by_scope() -> None:
    assert read_hourly_prices([], "USD") == HourlyPrices({})
    assert read_hourly_prices(["global=1.00", "data_zone=1.10"], "EUR") == HourlyPrices(
        {"global": "1", "data_zone": "1.1"}, "EUR"
    )


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        (["1.10"], "hourly price '1.10': hourly_price: "),
        (["planet=1"], "hourly price 'planet=1': scope: "),
        (["global=-1"], "is negative"),
        (["global=1", "global=2"], "'global=2': global has one already"),
    ],
)
def test_a_faulty_hourly_price_is_refused_by_what_was_written(
    texts: list[str], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_hourly_prices(texts, "USD")


def test_a_faulty_currency_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="currency: "):
        read_hourly_prices(["global=1"], "dollars")


def test_hosting_that_was_recorded_stays_and_a_deployment_left_out_has_none() -> None:
    hosting = Hosting(hourly_price="1.70", idle="equal")
    known = read(found()).model_copy(update={"hosting": hosting})
    assert read_found(found(), NO_PRICES, known) == known
    assert isinstance(read_found(found(name="a b"), NO_PRICES, known), LeftOut)
