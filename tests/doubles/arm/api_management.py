"""Subscriptions of Microsoft.ApiManagement in the double."""

from typing import Final

from tests.doubles.arm.peer import ArmPeer

AZURE_SUBSCRIPTION: Final = "00000000-0000-0000-0000-00000000aaaa"
GROUP: Final = "gateway"
SERVICE: Final = "contoso"
SERVICE_ID: Final = (
    f"/subscriptions/{AZURE_SUBSCRIPTION}/resourceGroups/{GROUP}"
    f"/providers/Microsoft.ApiManagement/service/{SERVICE}"
)


def put_service(peer: ArmPeer) -> None:
    """Create a gateway without subscriptions."""
    peer.put(SERVICE_ID, {"location": "eastus2", "sku": {"name": "BasicV2", "capacity": 1}})


def put_subscription(peer: ArmPeer, name: str, state: str = "active") -> None:
    """Create a subscription, or change its state as in the portal."""
    peer.put(
        f"{SERVICE_ID}/subscriptions/{name}",
        {"properties": {"scope": f"{SERVICE_ID}/apis", "displayName": name, "state": state}},
    )


def state_of(peer: ArmPeer, name: str) -> str | None:
    """Return the state of a subscription, or None if it does not exist."""
    held = peer.get(f"{SERVICE_ID}/subscriptions/{name}")
    return None if held is None else str(held["properties"]["state"])
