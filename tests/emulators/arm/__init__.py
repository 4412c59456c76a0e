"""A wire-level peer of Azure Resource Manager, for tests only: in memory, on loopback."""

from tests.emulators.arm.peer import ArmPeer
from tests.emulators.arm.resources import Fault, Seen

__all__ = ["ArmPeer", "Fault", "Seen"]
