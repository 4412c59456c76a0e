"""Wiring: the one place that names concrete adapters. Everything is built on first use."""

from metering.bootstrap.app import App, current, use
from metering.bootstrap.stores import Stores, sqlite_stores, stores_for

__all__ = ["App", "Stores", "current", "sqlite_stores", "stores_for", "use"]
