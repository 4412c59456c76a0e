"""A wire-level double of Event Hubs, for tests: in memory, on loopback."""

from tests.doubles.event_hubs.peer import (
    LEAKS_OF_THE_CLIENT,
    EventHubsPeer,
    Fault,
    PeerEvent,
    missing,
)

__all__ = ["LEAKS_OF_THE_CLIENT", "EventHubsPeer", "Fault", "PeerEvent", "missing"]
