"""Stores of what is still to be done: dead letters, halves of streams, effects, suspensions."""

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.effect import Effect
from metering.core.quotas.suspension import Suspension


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


class StoredEffect(NamedTuple):
    """An effect that has not been delivered, with how its delivery went so far."""

    effect: Effect
    due: Instant | None
    """When it is to be tried; None once it is parked."""
    attempts: int = 0
    """Times that its delivery failed."""
    failure: str = ""
    """Why it failed last."""


class EffectStore(Protocol):
    """The outbox: effects that commits left, until they are delivered.

    An effect is due from its commit on. The first `settle` decides for ever: whatever another
    process asks for afterwards changes nothing, and an effect that is not there is no error. So
    every method is safe to repeat; a failure that is noted twice counts as two attempts. Every
    method raises RetryableError when the store is busy, locked or out of reach; what it was asked
    to do may have been done.
    """

    async def due(self, now: Instant, limit: int) -> list[StoredEffect]:
        """Return those neither delivered nor parked that are due by `now`, oldest due first.

        At most `limit`. The answer may lag behind recent commits and behind other processes: an
        effect in it may have been settled by somebody else meanwhile.
        """
        ...

    async def settle(self, effect: Effect, at: Instant) -> None:
        """Note that it was delivered: never due again, parked or not."""
        ...

    async def postpone(self, effect: Effect, due: Instant, reason: str) -> None:
        """Note a failed attempt and its reason; it is due at `due` (again, if it was parked)."""
        ...

    async def park(self, effect: Effect, reason: str) -> None:
        """Note a last failed attempt and its reason: no longer due, kept for a person to see."""
        ...

    async def parked(self, limit: int) -> list[StoredEffect]:
        """Return those that were given up, oldest commit first, at most `limit`."""
        ...

    async def effects_of(self, ledger: LedgerId, limit: int) -> list[Effect]:
        """Return a ledger's effects, delivered or not, newest first, at most `limit`."""
        ...


class StoredSuspension(NamedTuple):
    """A suspension as read, with the tag that a replacement must name."""

    suspension: Suspension
    etag: str


class SuspensionStore(Protocol):
    """The suspensions of ours, one for each subscription.

    A tag is never used twice. RetryableError when the store is busy, locked or out of reach; what
    it was asked to do may have been done: look again.
    """

    async def list_suspensions(self) -> list[StoredSuspension]:
        """Return all of them, by subscription. The answer may lag behind recent changes."""
        ...

    async def put_suspension(self, suspension: Suspension, etag: str | None) -> str | None:
        """Write one and return its new tag; `etag` is that of the one it replaces, None for none.

        None, and nothing written, if there is another one (or none) by now.
        """
        ...

    async def remove_suspension(self, subscription: str, etag: str) -> bool:
        """Remove one; False, and nothing removed, if there is another one or none by now."""
        ...
