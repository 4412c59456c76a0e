"""Azurite, Microsoft's emulator of Azure Storage (npm: azurite), started by the tests."""

from tests.emulators.azurite.cutting import CuttingProxy
from tests.emulators.azurite.server import Azurite, missing

__all__ = ["Azurite", "CuttingProxy", "missing"]
