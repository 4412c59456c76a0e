"""Azurite, Microsoft's emulator of Azure Storage (npm: azurite), started by the tests."""

from tests.doubles.azurite.cutting import CuttingProxy
from tests.doubles.azurite.server import Azurite, missing

__all__ = ["Azurite", "CuttingProxy", "missing"]
