"""What the use cases need from outside: the contracts that adapters fulfil."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from metering.core.account import Account
from metering.core.commit import Commit
from metering.core.deployment_import import FoundDeployment
from metering.core.directory import Record
from metering.core.effect import Effect
from metering.core.head import Head
from metering.core.instants import Instant
from metering.core.page import Page
from metering.core.periods import LedgerId
from metering.core.rollup import Cursor, Part, PartName
from metering.core.rollup_document import Step
from metering.core.slots import Slot
from metering.core.suspension import Desired, SubscriptionState, Suspension


class Clock(Protocol):
    """The time of day, injected."""

    def now(self) -> Instant:
        """Return the present instant."""
        ...


class Alerts(Protocol):
    """Where faults that a person must see are told."""

    def alert(self, message: str) -> None:
        """Tell it; never raises."""
        ...


class StoredHead(NamedTuple):
    """A head as read, with the tag that a replacement must name."""

    head: Head
    etag: str


class LedgerStore(Protocol):
    """Ledgers: immutable pages and one replaceable head each, committed together.

    The effects of a commit are in the same transaction; EffectStore has them from then on.

    Every method raises RetryableError when the store is busy, locked or out of reach, and
    LedgerBroken for a document that does not match its hash or was written by a newer schema.
    """

    async def read_head(self, ledger: LedgerId) -> StoredHead | None:
        """Return the head as last committed; None for a ledger without a commit."""
        ...

    async def read_page(self, ledger: LedgerId, number: int) -> Page | None:
        """Return one page by number: a point read, never behind the head that lists it."""
        ...

    async def read_slots(self, ledger: LedgerId, slots: Sequence[Slot]) -> list[Page]:
        """Return the pages of these slots by number. The answer may lag behind recent commits."""
        ...

    async def commit(self, commit: Commit, etag: str | None) -> str:
        """Write pages, head and effects in one transaction; return the head's new tag.

        `etag` is that of the head the commit was planned on, None for a new ledger. HeadMovedError:
        somebody else was first and nothing was written. Any other RetryableError leaves open
        whether it was written: look again. Never safe to repeat without looking.
        """
        ...

    def pages(self, ledger: LedgerId, *, after: int = 0) -> AsyncIterator[Page]:
        """Yield all pages with a higher number than `after`, in order."""
        ...

    async def ledgers(self, tenant: str | None = None) -> list[LedgerId]:
        """Return the ledgers that exist, by tenant and start."""
        ...


class RegistryStore(Protocol):
    """The append-only records of tenants and plans."""

    async def read_records(self, after: int) -> list[Record]:
        """Return the records beyond the first `after`, in the order they were appended."""
        ...

    async def append_record(self, record: Record, expected: int) -> bool:
        """Append a record as number `expected` + 1; False (nothing written) if that one exists."""
        ...


class PriceStore(Protocol):
    """Published versions of price lists, each immutable under its name."""

    async def put_version(self, version: str, content: bytes) -> bool:
        """Keep a version's price file. False, and nothing written, if that name has another.

        Safe to repeat: the same content again is True.
        """
        ...

    async def read_version(self, version: str) -> bytes | None:
        """Return a version's price file as it was put."""
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

    async def count_pending(self) -> PendingCounts:
        """Return how many there are of each sort; it may lag."""
        ...


class DeploymentSource(Protocol):
    """Where deployments are made: the cloud's own list of them."""

    async def list_deployments(self) -> list[FoundDeployment]:
        """Return all of them, by account and name.

        Reads only, so it is safe to repeat. RetryableError when the cloud is busy or out of reach,
        ConfigurationError when signing in fails, a permission lacks or what was asked for is not
        there.
        """
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


class Notifier(Protocol):
    """Whoever is told of effects."""

    async def notify(self, effect: Effect) -> None:
        """Tell it; return once the receiver has it. May be asked again with the same effect.

        A receiver goes by the effect's key. RetryableError for whatever stopped it, refusals
        included: it is tried again later, and given up in the end.
        """
        ...


class StoredCursor(NamedTuple):
    """A rollup's cursor as read, with the tag that a replacement must name."""

    cursor: Cursor
    etag: str


class RollupStore(Protocol):
    """Rollups: one cursor and many parts for each ledger, written together.

    Reading raises RollupBroken for a document that cannot be read or was written by a newer schema.
    A rollup may be lost at any time: it follows from the pages.
    """

    async def read_cursor(self, ledger: LedgerId) -> StoredCursor | None:
        """Return the cursor as last written; None for a ledger without a rollup."""
        ...

    def parts(self, ledger: LedgerId, names: Collection[PartName]) -> AsyncIterator[Part]:
        """Yield those of these parts that are there, in any order.

        They may be newer or older than a cursor that was read before: compare their pages.
        """
        ...

    async def write_rollup(self, step: Step, etag: str | None) -> str:
        """Write the parts and the cursor in one transaction; return the cursor's new tag.

        `etag` is that of the cursor the step was made on, None for a new rollup. HeadMovedError:
        somebody else was first and nothing was written. Any other RetryableError leaves open
        whether it was written: look again.
        """
        ...

    async def reset_rollup(self, ledger: LedgerId) -> str:
        """Put the cursor back to before the first page, whatever it was; return its new tag.

        No part is listed from then on; what is left of parts is written over or never read. Safe
        to repeat.
        """
        ...


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


class SubscriptionGate(Protocol):
    """The gateway's subscriptions, whose keys it lets in or does not.

    RetryableError when the gateway's management is busy or out of reach, ConfigurationError when
    signing in fails, a permission lacks or there is no such gateway.
    """

    async def read_state(self, subscription: str) -> SubscriptionState | None:
        """Return the state of one; None for one that the gateway does not have."""
        ...

    async def set_state(
        self,
        subscription: str,
        state: Literal[SubscriptionState.ACTIVE, SubscriptionState.SUSPENDED],
    ) -> None:
        """Set the state of one, whatever it was; one that is not there is no error.

        Safe to repeat. Two minutes after the call it has happened or never will, even if it
        raised RetryableError and so leaves open which.
        """
        ...


class DesiredStates(Protocol):
    """Which subscriptions should be suspended: quotas know."""

    async def desired_states(self, now: Instant) -> Mapping[str, Desired]:
        """Return what is wanted of each subscription as of `now`, from present facts alone.

        One that is left out is to be active, so an answer is whole, or it raises.
        """
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


class StoredAccount(NamedTuple):
    """An account as read, with the tag that a replacement must name."""

    account: Account
    etag: str


class AccountStore(Protocol):
    """The account of each tenant: what its closed periods took from its grants.

    Every method raises RetryableError when the store is busy, locked or out of reach, and
    InvariantBroken for a document that cannot be read or was written by a newer schema.
    """

    async def read_account(self, tenant: str) -> StoredAccount | None:
        """Return the account as last written; None for a tenant without one."""
        ...

    async def replace_account(self, account: Account, etag: str | None) -> str:
        """Write an account whole; return its new tag.

        `etag` is that of the account it was made from, None for a tenant without one.
        HeadMovedError: somebody else was first and nothing was written. Any other RetryableError
        leaves open whether it was written: read again, a ledger that is in it is settled.
        """
        ...
