"""Starts the Cosmos server by others (npm: @vercel/cosmosdb-server) on a free port of loopback.

It is no judge of transactions (its batches are not atomic), so only stores without them meet it.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRIPT = Path(__file__).parent / "node_modules/@vercel/cosmosdb-server/lib/cli.js"
#: The published key of the Cosmos DB emulator, which this server does not even look at.
KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="
_START_TIMEOUT_S = 15


def missing() -> str | None:
    """Return why the server cannot be started here, if it cannot."""
    if shutil.which("node") is None:
        return "node is not here"
    if not SCRIPT.is_file():
        return "npm install has not been run in tests/doubles/third_party: run make test"
    return None


@contextmanager
def third_party_cosmos() -> Iterator[str]:
    """Run the server while the block lasts, and give its endpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    node = shutil.which("node") or "node"
    with subprocess.Popen(
        [node, str(SCRIPT), "--no-ssl", "--port", str(port), "--host", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            _wait_for(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return
