"""Azurite's blob service on a free port of loopback, in memory, while a block lasts."""

from pathlib import Path
from typing import Final

from tests.doubles.needs import missing_package
from tests.doubles.serving import NodePortServer

_SCRIPT: Final = Path(__file__).parent / "node_modules/azurite/dist/src/blob/main.js"


def missing() -> str | None:
    """Return why Azurite cannot start on this machine, or None."""
    return missing_package(_SCRIPT)


class Azurite(NodePortServer):
    """One account, `devstoreaccount1`, whose content is lost when the block ends."""

    def __init__(self) -> None:
        super().__init__(
            _SCRIPT,
            *("--silent", "--disableTelemetry", "--inMemoryPersistence", "--skipApiVersionCheck"),
            *("--disableProductStyleUrl", "--blobHost", "127.0.0.1"),
            port_option="--blobPort",
        )
