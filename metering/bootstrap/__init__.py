"""Wiring: the one place that names concrete adapters. Everything is built on first use."""

from metering.bootstrap.app import App, current, must_exist, use
from metering.bootstrap.stores import Stores, sqlite_stores, stores_for

__all__ = [
    "App",
    "Stores",
    "current",
    "must_exist",
    "sqlite_stores",
    "stores_for",
    "use",
]
