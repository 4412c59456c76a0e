"""A wire-level peer of Cosmos DB for NoSQL, for tests only: in memory, on loopback, with faults."""

from tests.emulators.cosmos.charges import Charges
from tests.emulators.cosmos.clock import StandingClock
from tests.emulators.cosmos.exchange import RequestInfo
from tests.emulators.cosmos.faults import Fault, Faults
from tests.emulators.cosmos.peer import CosmosPeer

__all__ = ["Charges", "CosmosPeer", "Fault", "Faults", "RequestInfo", "StandingClock"]
