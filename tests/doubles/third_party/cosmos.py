"""The Cosmos DB server of a third party (npm: @vercel/cosmosdb-server) on a free port of loopback.

Its batches are not atomic, so it only runs the tests of stores without transactions.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.doubles.needs import missing_package
from tests.doubles.serving import NodePortServer

SCRIPT = Path(__file__).parent / "node_modules/@vercel/cosmosdb-server/lib/cli.js"
#: The published key of the Cosmos DB emulator; this server accepts any key.
KEY = "C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw=="


def missing() -> str | None:
    """Return why the server cannot start on this machine, or None."""
    return missing_package(SCRIPT)


@contextmanager
def third_party_cosmos() -> Iterator[str]:
    """Run the server while the block lasts; give its endpoint."""
    options = ("--no-ssl", "--host", "127.0.0.1")
    with NodePortServer(SCRIPT, *options, port_option="--port") as server:
        yield f"http://127.0.0.1:{server.port}"
