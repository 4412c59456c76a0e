"""A double of Microsoft Graph, for tests: in memory, on loopback."""

from tests.doubles.graph.peer import Fault, GraphPeer

__all__ = ["Fault", "GraphPeer"]
