"""Settings of exports, statements and the closing of periods."""

import re
from pathlib import Path
from typing import Final, NamedTuple

from metering.core.basics.instants import DAY, Instant
from metering.settings.hubs import is_emulated_storage
from metering.settings.setting import Setting, duration

DEFAULT_EXPORTS: Final = ".metering/exports"
DEFAULT_ANCHORS: Final = ".metering/anchors"
DEFAULT_ISSUER: Final = "LLM platform"
_FILE: Final = "file://"
#: A container of an account. Source: "Naming and referencing containers", Azure Storage.
_CONTAINER: Final = r"[a-z0-9](-?[a-z0-9]){2,62}"
_BLOB: Final = re.compile(
    r"https://[a-z0-9]{3,24}(\.z[0-9]{1,2})?\.blob\.(core|storage)\.[a-z0-9.]+[a-z]/" + _CONTAINER
)


class ExportsFolder(NamedTuple):
    """A folder that receives deliveries."""

    path: Path


class ExportsContainer(NamedTuple):
    """A container that receives deliveries, in Azure Blob Storage or in a local emulator."""

    url: str
    is_emulator: bool = False


def _exports(text: str) -> ExportsFolder | ExportsContainer:
    if ";" in text or ("://" in text and "sig=" in text):
        raise ValueError(
            "is a connection string or has a signature; the identity of the app signs in without"
        )
    if text.startswith(_FILE):
        path = text.removeprefix(_FILE)
        if not path.startswith("/") or path == "/":
            raise ValueError("is not file:///PATH")
        return ExportsFolder(Path(path))
    if "://" not in text:
        return ExportsFolder(Path(text))
    if _BLOB.fullmatch(text):
        return ExportsContainer(text)
    if is_emulated_storage(text, path=f"/devstoreaccount1/{_CONTAINER}"):
        return ExportsContainer(text, is_emulator=True)
    raise ValueError(
        "is not a folder, file:///PATH, https://ACCOUNT.blob.core.windows.net/CONTAINER or, for an"
        " emulator on this machine, http://127.0.0.1:10000/devstoreaccount1/CONTAINER"
    )


EXPORTS: Final[Setting[ExportsFolder | ExportsContainer]] = Setting(
    "METERING_EXPORTS",
    _exports,
    ExportsFolder(Path(DEFAULT_EXPORTS)),
    "The destination of [exports](exports.md): a folder, or a container in Azure Blob Storage.",
    "https://contosodata.blob.core.windows.net/exports",
    f"`{DEFAULT_EXPORTS}`",
    is_secret=True,
)
ANCHORS: Final[Setting[ExportsFolder | ExportsContainer | None]] = Setting(
    "METERING_ANCHORS",
    _exports,
    None,
    "Where [anchors](proofs.md#anchors) are kept: a folder, or a container in Azure Blob Storage"
    " whose blobs nobody can change.",
    "https://contosodata.blob.core.windows.net/anchors",
    "the folder `anchors` beside the file of the store, else `.metering/anchors`",
    is_secret=True,
)
EXPORT_SCHEDULE: Final = Setting(
    "METERING_EXPORT_SCHEDULE",
    str,
    "",
    "The [reports](exports.md#schedules) that the timer delivers, each `hourly`, `daily`, `weekly`"
    " or `monthly`, separated by commas; `@` names one tenant, `:provisional` replaces the"
    " report of the open period at each run. Checked when the timer first needs"
    " it.",
    "chargeback=daily,focus@acme=weekly",
    readers=("app",),
)
ISSUER: Final = Setting(
    "METERING_ISSUER",
    lambda text: text.strip() or DEFAULT_ISSUER,
    DEFAULT_ISSUER,
    "The issuer of statements: provider, issuer and billing account in [FOCUS exports](focus.md).",
    "Contoso IT",
    f"`{DEFAULT_ISSUER}`",
)
CLOSE_GRACE: Final[Setting[Instant]] = Setting(
    "METERING_CLOSE_GRACE",
    duration,
    DAY,
    "The time after the end of a period at which it is [closed](statements.md). By then streams"
    " have their counts or are given up.",
    "36h",
    "`24h`",
)
CLOSE_WAIT: Final[Setting[Instant]] = Setting(
    "METERING_CLOSE_WAIT",
    duration,
    3 * DAY,
    "The further time that closing waits for counts and prices that are still missing.",
    "48h",
    "`72h`",
)
SETTINGS: Final = (EXPORTS, ANCHORS, EXPORT_SCHEDULE, ISSUER, CLOSE_GRACE, CLOSE_WAIT)
