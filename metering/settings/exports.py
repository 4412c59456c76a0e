"""METERING_EXPORTS: where deliveries go. Read by settings.py."""

import re
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from metering.core.basics.errors import ConfigurationError

SETTING: Final = "METERING_EXPORTS"
DEFAULT_EXPORTS: Final = ".metering/exports"
_FILE: Final = "file://"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})
#: Of an account and a container. Source: "Naming and referencing containers", Azure Storage.
_BLOB: Final = re.compile(
    r"https://[a-z0-9]{3,24}(\.z[0-9]{1,2})?\.blob\.(core|storage)\.[a-z0-9.]+[a-z]"
    r"/[a-z0-9](-?[a-z0-9]){2,62}",
)
_EMULATOR_PATH: Final = re.compile(r"/devstoreaccount1/[a-z0-9](-?[a-z0-9]){2,62}")


class ExportsFolder(NamedTuple):
    """Deliveries go into a folder."""

    path: Path


class ExportsContainer(NamedTuple):
    """Deliveries go into a container of Azure Blob Storage, or of an emulator on this machine."""

    url: str
    is_emulator: bool = False


def read_exports(text: str | None) -> ExportsFolder | ExportsContainer:
    """Return what the setting names; ConfigurationError says what is wrong with it."""
    given = text or DEFAULT_EXPORTS
    # Never repeated in the error: it may hold a key.
    if ";" in given or ("://" in given and "sig=" in given):
        raise ConfigurationError(
            f"{SETTING}: takes no connection string and no signature: write"
            " https://ACCOUNT.blob.core.windows.net/CONTAINER, and the identity of the app signs in"
        )
    if given.startswith(_FILE):
        path = given.removeprefix(_FILE)
        if not path.startswith("/") or path == "/":
            raise ConfigurationError(f"{SETTING}: {given!r} is not file:///PATH")
        return ExportsFolder(Path(path))
    if "://" not in given:
        return ExportsFolder(Path(given))
    if _BLOB.fullmatch(given):
        return ExportsContainer(given)
    if _is_emulator(given):
        return ExportsContainer(given, is_emulator=True)
    raise ConfigurationError(
        f"{SETTING}: {given!r} is no place for exports: write a folder, file:///PATH,"
        " https://ACCOUNT.blob.core.windows.net/CONTAINER, or for an emulator on this machine"
        " http://127.0.0.1:10000/devstoreaccount1/CONTAINER"
    )


def _is_emulator(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    here = parts.scheme == "http" and parts.hostname in _LOOPBACK and port is not None
    plain = "@" not in parts.netloc and not parts.query and not parts.fragment
    return bool(here and plain and _EMULATOR_PATH.fullmatch(parts.path))
