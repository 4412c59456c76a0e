"""Queues of usage: publishing, pending halves of streams, dead letters, Capture files."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from metering.core.basics.instants import Instant
from metering.core.hubs.capture import CapturedEvent, CaptureFile

type Outgoing = tuple[bytes, str]
"""An event to publish: its body and its partition key."""


class UsagePublisher(Protocol):
    """Where events are published: one hub."""

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Publish events; those of one key keep the order of the call.

        Returns once all are in the hub. RetryableError: some may be, and the same call may be made
        again, since who reads knows an event by its id. RejectedEvent, with nothing published: a
        body or key is longer than the hub takes. ConfigurationError: there is no such hub, or the
        identity may not send.
        """
        ...

    async def close(self) -> None:
        """Let the connection go; the next call opens it again."""
        ...


class HubProgress(Protocol):
    """How far what was published has been counted."""

    async def counted_until(self) -> Instant:
        """Return an instant: what was published before it has been counted.

        BEGINNING while nobody knows. RetryableError when the hubs are out of reach.
        """
        ...


class HubWatch(HubProgress, Protocol):
    """How far each hub has been counted."""

    async def counted_by_hub(self) -> Mapping[str, Instant]:
        """Return for each hub an instant: what was published before it has been counted.

        Of a partition that has more than was counted since it was first seen, that first look
        stands in. RetryableError when the hubs are out of reach.
        """
        ...


class CaptureSource(Protocol):
    """A folder or a container with files of Capture. Only read.

    RetryableError when it is busy or out of reach, ConfigurationError when signing in fails, a
    permission lacks or it is not there.
    """

    async def list_files(self) -> list[CaptureFile]:
        """Return the Avro files, in any order."""
        ...

    def events(self, file: CaptureFile) -> AsyncIterator[CapturedEvent]:
        """Yield the events of one file in its order.

        CaptureDamaged, after what could be read, for a file that is no such file or is cut off.
        """
        ...

    async def close(self) -> None:
        """Let the connection go."""
        ...


class DeadLetter(NamedTuple):
    """A body that was not accepted, with all that is needed to look at it and send it again."""

    id: str
    """Hash of hub and body: the same body is one dead letter however often it comes."""
    code: str
    reason: str
    hub: str
    body: bytes
    partition: str
    sequence: int
    received: Instant


class DeadLetterStore(Protocol):
    """Bodies set aside. Writing one again is harmless."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep these; one that is there already stays as it is."""
        ...

    async def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest `limit`, newest first."""
        ...

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return those whose id begins so."""
        ...

    async def remove_dead_letters(self, ids: Sequence[str]) -> None:
        """Forget these; one that is gone already is no error."""
        ...

    async def count_dead_letters(self) -> dict[str, int]:
        """Return how many there are by code."""
        ...


class PendingHalf(NamedTuple):
    """What is known of a request while the rest is awaited: a body under the request's id."""

    request_id: str
    body: bytes
    since: Instant
    """Of an identity, when the request started (event time); of any other, when it came."""


type LogHalf = Literal["tokens", "gateway", "recovery"]
"""What logs left of a request: its counts, who sent it, and usage to publish after a delay."""


class PendingCounts(NamedTuple):
    """How many halves there are."""

    waiting: int
    """Streams whose counts are awaited."""
    missing: int
    """Streams that were given up in the last week."""
    unclaimed: int
    """Counts from logs that no stream has claimed, those of final requests among them."""
    recovering: int
    """Requests that no policy has reported so far, to be published from logs after the delay."""


class PendingStore(Protocol):
    """Halves of requests, by request id. Writing one again is harmless.

    Whoever writes a half and then reads the other one cannot miss it: of two writers at least the
    later sees both. Every method raises RetryableError when the store is busy or out of reach.
    """

    async def put_identities(self, halves: Sequence[PendingHalf]) -> None:
        """Keep these until they are settled or removed; one that is there stays as it is."""
        ...

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unresolved identities that started before `instant`."""
        ...

    async def resolve(self, request_ids: Sequence[str]) -> None:
        """Mark identities as settled: not returned by age again, and kept for a week."""
        ...

    async def put_logs(self, kind: LogHalf, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Keep these and return the ids of those that were there already, which stay as they are.

        The ids are distinct. `tokens` and `gateway` are kept for a week, `recovery` until it is
        removed.
        """
        ...

    async def read_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> Mapping[str, bytes]:
        """Return the bodies that are there by request id, settled ones too."""
        ...

    async def recoveries_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest halves of kind `recovery` that came before `instant`."""
        ...

    async def remove_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> None:
        """Forget these; one that is gone already is no error."""
        ...

    async def forget_logs(self, before: Instant) -> None:
        """Forget halves of kind `tokens` and `gateway` that came before `before`.

        For stores that do not forget by themselves; the others do nothing.
        """
        ...

    async def count_waiting(self) -> int:
        """Return how many streams wait for their counts; it may lag."""
        ...

    async def count_pending(self) -> PendingCounts:
        """Return how many there are of each sort; it may lag."""
        ...
