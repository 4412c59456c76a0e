"""The peer as tests use it: a Node.js process on a free port, for as long as a block lasts."""

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
#: What Event Hubs takes in one publication on the standard tier.
MAX_PUBLICATION_BYTES: Final = 1_048_576
#: A client whose connection was cut leaves its socket to the collector, which says so.
LEAKS_OF_THE_CLIENT: Final = "ignore::pytest.PytestUnraisableExceptionWarning"

type FaultKind = Literal["refuse", "drop_before", "drop_after", "slow", "unauthorised"]


class Fault(NamedTuple):
    """Something to go wrong with `times` publications (or, `unauthorised`, tokens) after some.

    `refuse` rejects; `drop_before` cuts the connection in the middle of a publication, which is
    lost; `drop_after` keeps it and cuts the connection instead of saying so; `slow` keeps it and
    says so after `delay_s`.
    """

    kind: FaultKind
    times: int = 1
    after: int = 0
    """So many go well first."""
    hub: str = ""
    """Only there; empty: in any hub."""
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
    """Return why the peer cannot be started here, if it cannot."""
    return missing_package(_LIBRARY)


class EventHubsPeer(NodeServer):
    """A namespace of Event Hubs for tests only: in memory, on loopback, gone when the block ends.

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
        """Return what to give to a client: the peer takes any key, and speaks without TLS."""
        return (
            f"Endpoint=sb://127.0.0.1:{self.port};SharedAccessKeyName=peer;SharedAccessKey=peer;"
            "UseDevelopmentEmulator=true;"
        )

    def add(self, fault: Fault) -> None:
        """Let something go wrong from now on."""
        self._ask({"do": "fault", "fault": fault._asdict()})

    def pending_faults(self) -> int:
        """Return how many faults have not befallen anybody yet."""
        return len(self._ask({"do": "faults"}))

    def events(self, hub: str) -> list[PeerEvent]:
        """Return what is in a hub, by partition and sequence number."""
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
        """Forget the events of a hub, as after its retention. Nobody may be receiving."""
        self._ask({"do": "expire", "hub": hub})

    def publications(self) -> list[dict[str, Any]]:
        """Return the publications that came whole, refused ones too: hub, events, bytes, key."""
        found: list[dict[str, Any]] = self._ask({"do": "publications"})
        return found

    def connections(self) -> int:
        """Return how many connections have been opened so far."""
        count: int = self._ask({"do": "connections"})
        return count

    def clear(self) -> None:
        """Forget all events, faults and publications. Nobody may be receiving."""
        self._ask({"do": "clear"})

    def __enter__(self) -> Self:
        """Start to listen."""
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
            raise RuntimeError("the peer of Event Hubs has ended: see its standard error")
        answer: dict[str, Any] = json.loads(line)
        return answer
