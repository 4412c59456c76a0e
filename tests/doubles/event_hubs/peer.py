"""The double as tests use it: a Node.js process on a free port while a block lasts."""

import base64
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

from tests.doubles.needs import missing_package
from tests.doubles.serving import NodeServer

_FOLDER: Final = Path(__file__).parent
_LIBRARY: Final = _FOLDER / "node_modules/rhea/package.json"
#: The limit of one publication on the standard tier of Event Hubs.
MAX_PUBLICATION_BYTES: Final = 1_048_576
#: A client whose connection was cut leaves its socket to the garbage collector, which warns.
LEAKS_OF_THE_CLIENT: Final = "ignore::pytest.PytestUnraisableExceptionWarning"

type FaultKind = Literal["refuse", "drop_before", "drop_after", "slow", "unauthorised"]


class Fault(NamedTuple):
    """A fault of `times` publications (or, for `unauthorised`, tokens) after the first `after`.

    `refuse` rejects; `drop_before` cuts the connection within a publication, which is lost;
    `drop_after` keeps it and cuts the connection instead of confirming; `slow` keeps it and
    confirms after `delay_s`.
    """

    kind: FaultKind
    times: int = 1
    after: int = 0
    """The number that succeed first."""
    hub: str = ""
    """The hub; empty for any."""
    condition: str = "com.microsoft:server-busy"
    description: str = "The server is busy."
    delay_s: float = 0


class PeerEvent(NamedTuple):
    """An event in a partition; `enqueued_ms` is in milliseconds since the epoch."""

    partition: int
    sequence: int
    offset: int
    enqueued_ms: int
    key: str | None
    body: bytes
    properties: Mapping[str, Any]


def missing() -> str | None:
    """Return why the double cannot start on this machine, or None."""
    return missing_package(_LIBRARY)


class EventHubsPeer(NodeServer):
    """A namespace of Event Hubs for tests: in memory, on loopback, while a block lasts.

    `hubs` maps names to numbers of partitions; every hub has all `groups`.
    """

    def __init__(
        self,
        hubs: Mapping[str, int],
        groups: Sequence[str] = ("$Default", "metering"),
        *,
        max_message_size: int = MAX_PUBLICATION_BYTES,
    ) -> None:
        options = {"hubs": hubs, "groups": groups, "max_message_size": max_message_size}
        super().__init__(
            _FOLDER / "server/main.js",
            json.dumps(options),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None,
            text=True,
        )
        self.port = 0

    @property
    def connection_string(self) -> str:
        """Return the connection string for a client; any key works, without TLS."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=peer;SharedAccessKey=peer;"
            "UseDevelopmentEmulator=true;"
        )

    def add(self, fault: Fault) -> None:
        """Add a fault."""
        self._ask({"do": "fault", "fault": fault._asdict()})

    def pending_faults(self) -> int:
        """Return the number of pending faults."""
        return len(self._ask({"do": "faults"}))

    def events(self, hub: str) -> list[PeerEvent]:
        """Return the events in a hub, by partition and sequence number."""
        return [
            PeerEvent(
                found["partition"],
                found["sequence"],
                found["offset"],
                found["enqueued"],
                found["key"],
                base64.b64decode(found["body"]),
                found["properties"],
            )
            for found in self._ask({"do": "events", "hub": hub})
        ]

    def expire(self, hub: str) -> None:
        """Remove the events of a hub, as after its retention; there must be no receiver."""
        self._ask({"do": "expire", "hub": hub})

    def publications(self) -> list[dict[str, Any]]:
        """Return the complete publications, refused ones included: hub, events, bytes, key."""
        found: list[dict[str, Any]] = self._ask({"do": "publications"})
        return found

    def connections(self) -> int:
        """Return the number of connections opened so far."""
        count: int = self._ask({"do": "connections"})
        return count

    def clear(self) -> None:
        """Remove all events, faults and publications; there must be no receiver."""
        self._ask({"do": "clear"})

    def __enter__(self) -> Self:
        """Start listening."""
        super().__enter__()
        self.port = self._answer()["port"]
        return self

    def _ask(self, order: Mapping[str, object]) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()["answer"]

    def _answer(self) -> dict[str, Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the double of Event Hubs has ended: see its standard error")
        answer: dict[str, Any] = json.loads(line)
        return answer
