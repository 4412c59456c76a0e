"""The tenants file: what an operator wrote, or where it is wrong."""

import pytest

from metering.core.basics.errors import ConfigurationError
from metering.core.tenancy.tenants_file import read_tenants_file


def test_tenants_plans_subscriptions_and_deployments_are_read() -> None:
    file = read_tenants_file(
        "t.yaml",
        {
            "plans": [{"id": "plus", "markup": "0.15"}],
            "tenants": [{"id": "acme", "plan": "plus", "subscriptions": ["sub-1"]}, {"id": "b"}],
            "deployments": [{"name": "chat", "model": "gpt-4o", "deployment_type": "global"}],
        },
    )
    assert [tenant.id for tenant in file.tenants] == ["acme", "b"]
    assert file.tenants[1].plan == "default"
    assert [deployment.key for deployment in file.deployments] == ["chat"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "t.yaml: file: "),
        ({"tenants": [{"id": "a|b"}]}, "t.yaml: tenants.0.id"),
        ({"tenants": [{"name": "acme"}]}, "t.yaml: tenants.0.id: Field required"),
        ({"plans": [{"id": "p", "markup": 0.5}]}, "t.yaml: plans.0.markup"),
        (
            {
                "tenants": [
                    {"id": "a", "subscriptions": ["s"]},
                    {"id": "b", "subscriptions": ["s"]},
                ]
            },
            "subscription 's' is claimed by a and b",
        ),
        ({"deployments": [{"name": "chat"}]}, "t.yaml: deployments.0.model: Field required"),
        (
            {"deployments": [{"name": "c", "model": "m", "deployment_type": "global"}] * 2},
            "t.yaml: deployment 'c' is described twice",
        ),
    ],
)
def test_a_faulty_file_is_refused_with_its_name_and_place(content: object, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        read_tenants_file("t.yaml", content)
