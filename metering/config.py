"""Settings: read from the environment here and nowhere else, checked, each with its meaning."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from metering.core.errors import ConfigurationError
from metering.core.instants import Instant, parse_instant

DEFAULT_STORE: Final = "sqlite:///.metering/metering.db"
_SQLITE: Final = "sqlite:///"


class Settings(NamedTuple):
    """What the environment says."""

    store_path: Path
    """METERING_STORE, as the path of the embedded store."""
    tenants_file: Path | None = None
    """METERING_TENANTS: tenants, subscriptions and plans to take over at the start."""
    automatic_tenants: bool = True
    """METERING_UNKNOWN_SUBSCRIPTION=auto|reject: whether an unknown one gets its own tenant."""
    fixed_now: Instant | None = None
    """METERING_NOW: a standing clock, for demonstrations and tests."""


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings in the environment; ConfigurationError names the one that is wrong."""
    given = os.environ if environment is None else environment
    tenants = given.get("METERING_TENANTS")
    return Settings(
        _store_path(given.get("METERING_STORE", DEFAULT_STORE)),
        Path(tenants) if tenants else None,
        _automatic(given.get("METERING_UNKNOWN_SUBSCRIPTION"), file_given=bool(tenants)),
        _now(given.get("METERING_NOW")),
    )


def _store_path(url: str) -> Path:
    path = url.removeprefix(_SQLITE)
    if not url.startswith(_SQLITE) or not path:
        raise ConfigurationError(
            f"METERING_STORE: {url!r} is not a store: write it like {DEFAULT_STORE}"
        )
    return Path(path)


def _automatic(choice: str | None, *, file_given: bool) -> bool:
    """Without a choice: a tenants file is the whole list, a fresh local store takes anybody."""
    if not choice:
        return not file_given
    if choice not in {"auto", "reject"}:
        raise ConfigurationError(
            f"METERING_UNKNOWN_SUBSCRIPTION: {choice!r} is neither auto nor reject"
        )
    return choice == "auto"


def _now(text: str | None) -> Instant | None:
    if not text:
        return None
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ConfigurationError(f"METERING_NOW: {error}") from None
