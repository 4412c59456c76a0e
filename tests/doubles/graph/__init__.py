"""A stand-in for Microsoft Graph, for tests only: in memory, on loopback."""

from tests.doubles.graph.peer import Fault, GraphPeer

__all__ = ["Fault", "GraphPeer"]
