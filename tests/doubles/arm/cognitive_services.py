"""Accounts and deployments of Microsoft.CognitiveServices in the double."""

from typing import Any, Final

from tests.doubles.arm.peer import ArmPeer

SUBSCRIPTION: Final = "00000000-0000-0000-0000-00000000aaaa"
_PROVIDER: Final = "providers/Microsoft.CognitiveServices/accounts"


def ready(peer: ArmPeer) -> None:
    """Create a subscription with an empty list of accounts."""
    place = f"/subscriptions/{SUBSCRIPTION}"
    peer.list_at(f"{place}/{_PROVIDER}", f"{place}/resourceGroups/")


def put_account(
    peer: ArmPeer,
    name: str,
    *,
    group: str = "ai",
    kind: str = "OpenAI",
    location: str = "eastus2",
) -> str:
    """Create an account; return the path of its deployments."""
    place = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
    peer.list_at(f"{place}/{_PROVIDER}", f"{place}/{_PROVIDER}/")
    peer.put(
        f"{place}/{_PROVIDER}/{name}",
        {"kind": kind, "location": location, "sku": {"name": "S0"}, "properties": {}},
    )
    return f"{place}/{_PROVIDER}/{name}/deployments"


def put_deployment(
    peer: ArmPeer,
    deployments: str,
    name: str,
    *,
    sku: str = "GlobalStandard",
    capacity: int | None = 10,
    model: str = "gpt-4o",
    version: str = "2024-11-20",
) -> None:
    """Create a deployment of an OpenAI model at a path from `put_account`."""
    described: dict[str, Any] = {"name": sku, "capacity": capacity}
    peer.put(
        f"{deployments}/{name}",
        {
            "sku": described,
            "properties": {
                "model": {"format": "OpenAI", "name": model, "version": version},
                "provisioningState": "Succeeded",
            },
        },
    )
