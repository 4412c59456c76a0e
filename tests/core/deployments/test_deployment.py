"""Deployments: what an operator wrote of one, or where it is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from metering.core.basics.errors import ConfigurationError
from metering.core.deployments.deployment import (
    Deployment,
    Hosting,
    Provisioned,
    read_deployment,
    read_deployments,
)
from metering.core.usage.buckets import BUCKETS

UNITS = {"units": 50, "hourly_price": "1.10", "scope": "data_zone"}


def content(**changes: Any) -> dict[str, Any]:
    """Return a global deployment in account contoso, with changes; `...` leaves a field out."""
    made: dict[str, Any] = {
        "name": "chat",
        "account": "contoso",
        "model": "gpt-4o",
        "deployment_type": "global",
    }
    made.update(changes)
    return {field: value for field, value in made.items() if value is not ...}


def provisioned(**changes: Any) -> dict[str, Any]:
    units = {field: value for field, value in {**UNITS, **changes}.items() if value is not ...}
    return content(deployment_type="provisioned", provisioned=units)


def test_a_deployment_is_named_by_its_account_or_by_itself_alone() -> None:
    assert read_deployment("d.yaml", content()).key == "contoso/chat"
    assert read_deployment("d.yaml", content(account=None)).key == "chat"


def test_provisioned_units_have_a_price_an_hour_and_a_scope_for_spillover() -> None:
    units = read_deployment("d.yaml", provisioned()).provisioned
    assert units is not None
    # 1.10 in 10^-12 currency units.
    assert units.hourly_units == 1_100_000_000_000
    assert (units.hourly_price, units.currency, units.scope) == ("1.1", "USD", "data_zone")
    assert units.idle == "unallocated"


def test_a_bucket_weighs_one_unless_a_weight_is_given() -> None:
    units = Provisioned(
        units=1,
        hourly_price="2",
        scope="regional",
        weights={"output": "4", "reasoning": "4.0", "cached_read": "0", "cache_write": "1.25"},
    )
    assert dict(zip(BUCKETS, units.bucket_weights(), strict=True)) == {
        "input": 1_000_000,
        "cached_read": 0,
        "cache_write": 1_250_000,
        "cache_write_long": 1_000_000,
        "input_audio": 1_000_000,
        "cached_audio": 1_000_000,
        "input_image": 1_000_000,
        # As the text that they are a part of.
        "cached_image": 0,
        "output": 4_000_000,
        "reasoning": 4_000_000,
        "output_audio": 1_000_000,
        "output_image": 4_000_000,
        "quantity": 0,
    }


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ([], "d.yaml: file: "),
        (content(colour="red"), "d.yaml: colour: Extra inputs"),
        (content(name=...), "d.yaml: name: Field required"),
        (content(model=...), "d.yaml: model: Field required"),
        (content(model=""), "d.yaml: model: "),
        (content(name="a/b"), "d.yaml: name: "),
        (content(account="a b"), "d.yaml: account: "),
        (content(name="x" * 257), "d.yaml: name: "),
        (content(deployment_type="Standard"), "d.yaml: deployment_type: "),
        (content(service_tier="gold"), "d.yaml: service_tier: "),
        (content(provisioned=UNITS), "d.yaml: provisioned: .*only for deployment_type provisioned"),
        (
            content(deployment_type="provisioned"),
            "d.yaml: provisioned: .*required for deployment_type provisioned",
        ),
        (provisioned(units=0), "d.yaml: provisioned.units: "),
        (provisioned(units="50"), "d.yaml: provisioned.units: "),
        (provisioned(units=...), "d.yaml: provisioned.units: Field required"),
        (provisioned(hourly_price=1.1), "d.yaml: provisioned.hourly_price: .*quoted decimal"),
        (provisioned(hourly_price="-1"), "d.yaml: provisioned.hourly_price: .*is negative"),
        (
            provisioned(hourly_price="0.0000000000001"),
            "d.yaml: provisioned.hourly_price: .*more than 12 decimals",
        ),
        (provisioned(currency="usd"), "d.yaml: provisioned.currency: "),
        (provisioned(scope="provisioned"), "d.yaml: provisioned.scope: "),
        (provisioned(idle="half"), "d.yaml: provisioned.idle: "),
        (provisioned(weights={"prompt": "1"}), "d.yaml: provisioned.weights.prompt"),
        (provisioned(weights={"output": 4}), "d.yaml: provisioned.weights.output: .*quoted"),
        (provisioned(weights={"output": "-4"}), "d.yaml: provisioned.weights.output: .*negative"),
        (
            provisioned(weights={"output": "0.0000001"}),
            "d.yaml: provisioned.weights.output: .*more than 6 decimals",
        ),
    ],
)
def test_a_faulty_deployment_is_refused_with_its_file_and_field(
    wrong: object, complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_deployment("d.yaml", wrong)


def test_a_deployment_reads_back_as_it_was_written() -> None:
    written = read_deployment("d.yaml", provisioned(weights={"output": "4"}))
    assert Deployment.model_validate_json(written.model_dump_json()) == written
    assert Deployment.model_validate_json(written.model_dump_json(exclude_none=True)) == written


def test_a_file_describes_each_deployment_once() -> None:
    both = [content(), content(account=None)]
    assert [one.key for one in read_deployments("d.yaml", {"deployments": both})] == [
        "contoso/chat",
        "chat",
    ]
    with pytest.raises(
        ConfigurationError, match="d.yaml: deployment 'contoso/Chat' is described twice"
    ):
        read_deployments("d.yaml", {"deployments": [content(), content(name="Chat")]})
    with pytest.raises(ConfigurationError, match=r"d.yaml: deployments.0.model: Field required"):
        read_deployments("d.yaml", {"deployments": [content(model=...)]})


def test_hosting_goes_with_every_type_but_provisioned() -> None:
    content: dict[str, object] = {
        "name": "tuned",
        "model": "gpt-4.1.ft",
        "deployment_type": "global",
    }
    made = read_deployment("f", {**content, "hosting": {"hourly_price": "1.70"}})
    assert made.hosting == Hosting(hourly_price="1.7", currency="USD", idle="unallocated")
    # Records without the field, as written before it existed, stay readable and the same.
    assert read_deployment("f", content).hosting is None
    units = {"units": 1, "hourly_price": "1", "scope": "global"}
    content |= {"deployment_type": "provisioned", "provisioned": units}
    with pytest.raises(ConfigurationError, match="hosting: .*not for deployment_type provisioned"):
        read_deployment("f", {**content, "hosting": {"hourly_price": "1.70"}})


def test_a_weight_beyond_what_pages_keep_exactly_is_refused() -> None:
    with pytest.raises(ValidationError, match="is more than 1000000"):
        Provisioned(
            units=1, hourly_price="2", scope="regional", weights={"output": "1000000.000001"}
        )
