"""Servers of the doubles: on loopback while a block lasts, in a thread or as a Node.js process."""

import shutil
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from threading import Thread
from typing import Any, Final, Self

_START_TIMEOUT_S: Final = 30


class ServerThread(ABC):
    """A server that runs in a thread of its own from the start of a block to its end."""

    def __init__(self, name: str) -> None:
        self._thread = Thread(target=self._serve, name=name, daemon=True)

    @abstractmethod
    def _serve(self) -> None:
        """Serve requests until `_stop` is called."""

    @abstractmethod
    def _stop(self) -> None:
        """Make `_serve` return."""

    def __enter__(self) -> Self:
        """Start to serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, and wait for the thread."""
        self._stop()
        self._thread.join()


class NodeServer:
    """A Node.js process that runs from the start of a block to its end; connections are cut."""

    def __init__(self, script: Path, *options: str, **popen: Any) -> None:
        self._command: Sequence[str] = (shutil.which("node") or "node", str(script), *options)
        self._popen = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **popen}
        self._process: subprocess.Popen[Any] | None = None

    def __enter__(self) -> Self:
        """Start the process."""
        self._process = subprocess.Popen(self._command, **self._popen)
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        assert self._process is not None
        with self._process as process:
            process.terminate()


class NodePortServer(NodeServer):
    """A Node.js server on a free port, which has answered once when the block begins."""

    def __init__(self, script: Path, *options: str, port_option: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        super().__init__(script, *options, port_option, str(self.port))

    def __enter__(self) -> Self:
        """Start the process and wait until its port is open."""
        super().__enter__()
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                if time.monotonic() > deadline:
                    self.__exit__()
                    raise
                time.sleep(0.05)
            else:
                return self
