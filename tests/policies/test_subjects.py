"""Who an event is about: the subscription, else the client of a validated token, else nobody."""

import pytest

from tests.policies.exchanges import event, run, token
from tests.policies.gateway import Gateway

CLIENT = "7d1c6a0e-1111-2222-3333-444455556666"


def test_a_subscription_comes_first(gateway: Gateway) -> None:
    made = event(gateway, overall="foundry", claims={"azp": CLIENT})
    assert made["subject"] == "sub-1"


@pytest.mark.parametrize("claim", ["azp", "appid"])
def test_without_one_it_is_the_client_of_the_token_that_the_api_validated(
    gateway: Gateway, claim: str
) -> None:
    done = run(gateway, overall="foundry", subscription=None, claims={claim: CLIENT})
    assert done["events"][0]["event"]["subject"] == f"app:{CLIENT}"
    assert done["events"][0]["partition_key"] == f"app:{CLIENT}"


def test_a_token_that_nobody_validated_names_nobody(gateway: Gateway) -> None:
    headers = {"Authorization": f"Bearer {token(azp=CLIENT)}"}
    assert event(gateway, subscription=None, headers=headers)["subject"] == "anonymous"


@pytest.mark.parametrize(
    ("sent", "subject"),
    [
        (f"Bearer {token(azp=CLIENT)}", f"app:{CLIENT}"),
        (f"bearer {token(appid=CLIENT)}", f"app:{CLIENT}"),
        (f"Bearer {token(sub='somebody')}", "anonymous"),
        ("Bearer not-a-token", "anonymous"),
        ("Bearer ", "anonymous"),
        ("Basic dXNlcjpwYXNz", "anonymous"),
        (f"Bearer {token(azp='x' * 5000)}", "app:" + "x" * 100),
    ],
)
def test_an_operator_may_trust_tokens_that_something_else_validates(
    gateway: Gateway, sent: str, subject: str
) -> None:
    made = event(gateway, values="trusting", subscription=None, headers={"Authorization": sent})
    assert made["subject"] == subject


def test_anybody_else_is_anonymous(gateway: Gateway) -> None:
    assert event(gateway, subscription=None)["subject"] == "anonymous"


@pytest.mark.parametrize("reason", ["SubscriptionKeyNotFound", "SubscriptionKeyInvalid"])
@pytest.mark.parametrize("values", ["plain", "everything", "trusting"])
def test_a_request_without_a_key_or_with_a_wrong_one_is_no_event(
    gateway: Gateway, reason: str, values: str
) -> None:
    refused = {"source": "authorization", "reason": reason, "status": 401}
    headers = {"Authorization": f"Bearer {token(azp=CLIENT)}"}
    done = run(gateway, values=values, subscription=None, refused=refused, headers=headers)
    assert (done["error"], done["events"]) == (reason, [])


def test_another_refusal_before_any_policy_is_told_of(gateway: Gateway) -> None:
    refused = {"source": "quota", "reason": "QuotaExceeded", "status": 403}
    made = event(gateway, refused=refused)
    assert made["subject"] == "sub-1"
    assert (made["data"]["status"], made["data"]["tokens"]) == (403, "absent")


def test_a_request_that_another_policy_refuses_first_has_its_subscription(gateway: Gateway) -> None:
    made = event(gateway, overall="inbound-fails")
    assert (made["subject"], made["data"]["status"]) == ("sub-1", 500)


def test_gateways_that_share_an_installation_keep_subscriptions_of_one_id_apart(
    gateway: Gateway,
) -> None:
    made = event(gateway, values="scoped")
    service = made["source"].removeprefix("/apim/")
    assert made["subject"] == f"{service.lower()}:sub-1"
