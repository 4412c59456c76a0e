"""A wire-level double of Azure Resource Manager, for tests only: in memory, on loopback."""

from tests.doubles.arm.peer import ArmPeer
from tests.doubles.arm.resources import Fault, Seen

__all__ = ["ArmPeer", "Fault", "Seen"]
