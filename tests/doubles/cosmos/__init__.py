"""A wire-level double of Cosmos DB for NoSQL, for tests: in memory, on loopback, with faults."""

from tests.doubles.cosmos.clock import StandingClock
from tests.doubles.cosmos.data.charges import Charges
from tests.doubles.cosmos.exchange import RequestInfo
from tests.doubles.cosmos.faults import Fault, Faults
from tests.doubles.cosmos.peer import CosmosPeer

__all__ = ["Charges", "CosmosPeer", "Fault", "Faults", "RequestInfo", "StandingClock"]
