"""pytest fixtures: a double of Event Hubs for the session, emptied for each test.

A test module asks for them with `pytest_plugins = ["tests.doubles.event_hubs.fixtures"]`.
"""

import gc
from collections.abc import Iterator

import pytest

from tests.doubles.event_hubs.peer import EventHubsPeer, missing
from tests.doubles.needs import skip_without


@pytest.fixture(scope="session")
def shared_event_hubs_peer() -> Iterator[EventHubsPeer]:
    """Start a double with the hubs `usage` (four partitions) and `other` (two)."""
    skip_without(missing())
    with EventHubsPeer({"usage": 4, "other": 2}) as peer:
        yield peer


@pytest.fixture
def event_hubs_peer(shared_event_hubs_peer: EventHubsPeer) -> Iterator[EventHubsPeer]:
    """Return the session's double, emptied."""
    shared_event_hubs_peer.clear()
    yield shared_event_hubs_peer
    # Leaks of the client surface here, not in an unrelated test.
    gc.collect()
