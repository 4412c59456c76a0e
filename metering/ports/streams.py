"""Publishing, hub progress, Capture files, dead letters and partial records of streams."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from metering.core.basics.instants import Instant
from metering.core.hubs.capture import CapturedEvent, CaptureFile

type Outgoing = tuple[bytes, str]
"""An event to publish: its body and its partition key."""


class UsagePublisher(Protocol):
    """Publishes events to one hub."""

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Publish events; events of one key keep the order of the call.

        Returns once all are in the hub. RetryableError: some may be in the hub; repeat the call,
        since consumers recognise an event by its id. RejectedEvent, with nothing published: a
        body or key exceeds the limits of the hub. ConfigurationError: the hub does not exist, or
        the identity may not send.
        """
        ...

    async def close(self) -> None:
        """Close the connection; the next call opens it again."""
        ...


class HubProgress(Protocol):
    """The position up to which published events have been counted."""

    async def counted_until(self) -> Instant:
        """Return the instant before which every published event has been counted.

        BEGINNING while it is unknown. RetryableError if the hubs are unreachable.
        """
        ...


class HubWatch(HubProgress, Protocol):
    """The position up to which each hub has been counted."""

    async def counted_by_hub(self) -> Mapping[str, Instant]:
        """Return for each hub the instant before which every published event has been counted.

        A partition with a backlog since it was first observed counts as of that observation.
        RetryableError if the hubs are unreachable.
        """
        ...


class CaptureSource(Protocol):
    """A folder or a container of Capture files, read only.

    RetryableError if it is busy or unreachable. ConfigurationError if sign-in fails, a permission
    is missing or it does not exist.
    """

    async def list_files(self) -> list[CaptureFile]:
        """Return the Avro files, in any order."""
        ...

    def events(self, file: CaptureFile) -> AsyncIterator[CapturedEvent]:
        """Yield the events of one file in its order.

        CaptureDamaged, after the readable events, for a file of another format or a truncated one.
        """
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...


class DeadLetter(NamedTuple):
    """A rejected body, with everything needed to inspect and replay it."""

    id: str
    """Hash of hub and body: a body that arrives again is the same dead letter."""
    code: str
    reason: str
    hub: str
    body: bytes
    partition: str
    sequence: int
    received: Instant


class DeadLetterStore(Protocol):
    """Stores dead letters. Writing one again has no effect."""

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters; existing ones stay unchanged."""
        ...

    async def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest `limit`, newest first."""
        ...

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return the dead letters whose id starts with the prefix."""
        ...

    async def remove_dead_letters(self, ids: Sequence[str]) -> None:
        """Delete dead letters; ids that do not exist are ignored."""
        ...

    async def count_dead_letters(self) -> dict[str, int]:
        """Return the number of dead letters by code."""
        ...


class PendingHalf(NamedTuple):
    """A partial record of a request: one body under the id of the request."""

    request_id: str
    body: bytes
    since: Instant
    """For a request record, the time of the request; for log records, their arrival."""


type LogHalf = Literal["tokens", "gateway", "recovery"]
"""Log records of a request: counts, sender, and usage to publish after the recovery delay."""


class PendingCounts(NamedTuple):
    """Numbers of partial records."""

    waiting: int
    """Streams that wait for their counts."""
    missing: int
    """Streams recorded as missing in the last week."""
    unclaimed: int
    """Counts from logs that no stream has claimed, including those of final requests."""
    recovering: int
    """Requests that no policy has reported, to be published from logs after the delay."""


class PendingStore(Protocol):
    """Stores partial records by request id. Writing one again has no effect.

    A process that writes one record and then reads the other cannot miss it: of two writers, at
    least the later one sees both. Every method raises RetryableError if the store is busy or
    unreachable.
    """

    async def put_identities(self, halves: Sequence[PendingHalf]) -> None:
        """Store request records until they are settled or removed; existing ones stay unchanged."""
        ...

    async def identities_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest unsettled request records from before `instant`."""
        ...

    async def resolve(self, request_ids: Sequence[str]) -> None:
        """Settle request records: they are kept for a week and no longer returned by age."""
        ...

    async def put_logs(self, kind: LogHalf, halves: Sequence[PendingHalf]) -> frozenset[str]:
        """Store log records and return the ids of existing ones, which stay unchanged.

        The ids are distinct. `tokens` and `gateway` are kept for a week, `recovery` until it is
        removed.
        """
        ...

    async def read_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> Mapping[str, bytes]:
        """Return the stored bodies by request id, including settled ones."""
        ...

    async def recoveries_before(self, instant: Instant, limit: int) -> list[PendingHalf]:
        """Return the oldest records of kind `recovery` that arrived before `instant`."""
        ...

    async def remove_halves(
        self, kind: Literal["identity"] | LogHalf, request_ids: Collection[str]
    ) -> None:
        """Delete partial records; ids that do not exist are ignored."""
        ...

    async def forget_logs(self, before: Instant) -> None:
        """Delete records of kind `tokens` and `gateway` that arrived before `before`.

        Only for stores without a time to live; others do nothing.
        """
        ...

    async def count_waiting(self) -> int:
        """Return the number of streams that wait for their counts; it may lag."""
        ...

    async def count_pending(self) -> PendingCounts:
        """Return the numbers of partial records; they may lag."""
        ...
