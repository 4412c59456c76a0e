"""Azurite's blob service on a free port of loopback, in memory, for as long as a block lasts."""

import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_SCRIPT: Final = Path(__file__).parent / "node_modules/azurite/dist/src/blob/main.js"
_START_TIMEOUT_S: Final = 30


def missing() -> str | None:
    """Return why it cannot be started here, if it cannot."""
    if shutil.which("node") is None:
        return "node is not here"
    if not _SCRIPT.is_file():
        return "npm install has not been run in tests/doubles/azurite: run make test"
    return None


class Azurite:
    """One account, `devstoreaccount1`; what is in it is gone when the block ends."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start to listen."""
        self._process = subprocess.Popen(
            [
                *(shutil.which("node") or "node", str(_SCRIPT), "--silent", "--disableTelemetry"),
                *("--inMemoryPersistence", "--skipApiVersionCheck", "--disableProductStyleUrl"),
                *("--blobHost", "127.0.0.1", "--blobPort", str(self.port)),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop; connections are cut."""
        assert self._process is not None
        with self._process as process:
            process.terminate()
