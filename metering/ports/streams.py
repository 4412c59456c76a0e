"""Publishing, hub progress, Capture files, dead letters and the register of reported requests."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from metering.core.aggregates.span import Span
from metering.core.basics.documents import Document
from metering.core.basics.instants import Instant
from metering.core.hubs.capture import CapturedEvent, CaptureFile
from metering.core.streams.filing import Filed, Filing

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


class DeadLetterCounts(NamedTuple):
    """Numbers of dead letters by code."""

    kept: Mapping[str, int]
    not_kept: Mapping[str, int]
    """Events beyond the limit of an hour, of which only this count is kept."""


class DeadLetterStore(Protocol):
    """Stores dead letters. Writing one again has no effect.

    Counts are kept beside the letters, so that reading them costs the same however many there are.
    """

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters; existing ones stay unchanged."""
        ...

    async def count_only(self, counts: Mapping[str, int], at: Instant) -> None:
        """Count events by code of which no letter is kept. Not safe to repeat."""
        ...

    async def list_dead_letters(self, limit: int, code: str | None = None) -> list[DeadLetter]:
        """Return the latest `limit`, newest first; with `code`, only those of that code."""
        ...

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return the dead letters whose id starts with the prefix."""
        ...

    async def remove_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Delete dead letters; those that do not exist are ignored."""
        ...

    async def forget_dead_letters(self, before: Instant) -> None:
        """Delete the dead letters that were received before an instant.

        Only for stores without a time to live; others do nothing.
        """
        ...

    async def count_dead_letters(self, since: Instant = 0) -> DeadLetterCounts:
        """Return the numbers by code; a store may leave out days that ended before `since`."""
        ...

    async def recount_dead_letters(self) -> None:
        """Count the letters anew by reading the code and time of every one.

        What was only counted stays. Letters that are stored or removed meanwhile may be missed.
        """
        ...


class RegisterStore(Protocol):
    """Stores the register of reported requests: immutable documents under places, and marks.

    A document is kept for REGISTER_TTL_S from its filing. Every method raises RetryableError if the
    store is busy or unreachable.
    """

    async def file(self, filings: Sequence[Filing], now: Instant) -> None:
        """Store documents, each on its own; those that exist stay as they are."""
        ...

    def read(self, places: Collection[str], after: int) -> AsyncIterator[Filed]:
        """Yield the documents of these places that were filed after an order of filing.

        Earlier ones may be among them: an order is as exact as the store's clock, and what was
        filed shortly before `after` is given again. 0 gives all.
        """
        ...

    async def due(self, after: str, until: str, limit: int) -> list[Filed]:
        """Return the first documents with `after` < due <= `until`, in order of due."""
        ...

    async def read_mark(self, name: str) -> Document | None:
        """Return what a timer noted last, or None."""
        ...

    async def write_mark(self, name: str, mark: Document) -> None:
        """Note how far a timer has come; the last writer wins."""
        ...

    async def forget(self, before: Instant) -> None:
        """Delete documents filed before an instant.

        Only for stores without a time to live; others do nothing.
        """
        ...


class StoredSpans(NamedTuple):
    """The last spans of a run, oldest first."""

    spans: Sequence[Span]
    etag: str | None
    """The version of the run as a whole; None if nothing of it is stored."""


class SpanChange(NamedTuple):
    """A span to write."""

    span: Span
    keep_for: Instant
    due: Instant | None = None
    """When a timer publishes it, if nobody has by then; None: it has been published."""


class AggregateStore(Protocol):
    """Stores what the points of counters add up to, by run.

    Every method raises RetryableError if the store is busy or unreachable.
    """

    async def latest(self, run: str, limit: int | None) -> StoredSpans:
        """Return the last spans of a run, or all of them."""
        ...

    async def write(
        self, run: str, etag: str | None, changes: Sequence[SpanChange], now: Instant
    ) -> str | None:
        """Write at most MAX_SPANS spans of one run, all or none, and return its new ETag.

        None, with nothing written, if the run no longer has the ETag given.
        """
        ...

    async def due(self, until: Instant, limit: int) -> list[Span]:
        """Return spans that are due by an instant, in any order."""
        ...

    def between(self, first: int, end: int) -> AsyncIterator[Span]:
        """Yield the spans of all runs from a number on, before another, in any order."""
        ...

    async def forget(self, before: Instant) -> None:
        """Delete spans whose time is over at an instant.

        Only for stores without a time to live; others do nothing.
        """
        ...


#: Spans written at once: Cosmos DB takes 100 operations a batch, and the run is one.
MAX_SPANS: Final = 99


class PendingHalf(NamedTuple):
    """A partial record of a request, as versions before the register kept it."""

    request_id: str
    body: bytes
    since: Instant
    """For a request record, the time of the request; for usage to recover, its arrival."""
    is_settled: bool = False
    """Whether its counts were recorded as missing."""


type PendingKind = Literal["identity", "tokens", "gateway", "recovery"]
"""Request records; log rows of counts and of senders; usage to publish after the delay."""


class PendingStore(Protocol):
    """Documents that versions before the register stored by request id, until they are taken over.

    Every method raises RetryableError if the store is busy or unreachable.
    """

    async def read_pending(
        self, kind: Literal["identity", "recovery"], limit: int
    ) -> list[PendingHalf]:
        """Return the oldest request records, or usage to recover."""
        ...

    async def read_halves(
        self, kind: Literal["tokens", "gateway"], request_ids: Collection[str]
    ) -> Mapping[str, bytes]:
        """Return the stored log rows by request id, each as a log body."""
        ...

    async def remove_halves(self, kind: PendingKind, request_ids: Collection[str]) -> None:
        """Delete partial records; ids that do not exist are ignored."""
        ...
