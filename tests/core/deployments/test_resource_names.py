"""Accounts and deployments, from whatever names them."""

import pytest

from metering.core.deployments.resource_names import account_in, account_name, deployment_in

ID = "/subscriptions/0/resourceGroups/rg/providers/Microsoft.CognitiveServices/accounts/Contoso-AI"


@pytest.mark.parametrize(
    ("text", "account"),
    [
        ("Contoso-AI", "contoso-ai"),
        ("https://contoso-ai.openai.azure.com/openai/v1", "contoso-ai"),
        ("contoso-ai.services.ai.azure.com", "contoso-ai"),
        (ID, "contoso-ai"),
        ("a name of its own", "a name of its own"),
    ],
)
def test_an_account_is_found_in_a_name_an_address_or_an_id(text: str, account: str) -> None:
    assert account_name(text) == account


def test_an_id_may_name_an_account_and_a_deployment() -> None:
    assert account_in(ID) == "contoso-ai"
    assert deployment_in(ID) is None
    assert deployment_in(f"{ID}/deployments/Chat") == "chat"
    assert account_in("/subscriptions/0000/resourceGroups/rg") is None
