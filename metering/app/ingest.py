"""Ingest a batch of usage events: every body is counted once, or set aside with a code."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.app.committer import Committer
from metering.app.tenancy import Tenancy
from metering.core.errors import Code, LedgerBroken, RejectedEvent, StopRuleError
from metering.core.evidence import Evidence
from metering.core.instants import Instant
from metering.core.periods import LedgerId
from metering.core.stop_rule import LONGEST_STOP, is_bad_deploy
from metering.core.usage import EventKey, Usage
from metering.core.usage_reader import UsageReader
from metering.ports import Alerts, Clock, DeadLetter, DeadLetterStore, PendingHalf, PendingStore

USAGE_HUB = "usage"


class Message(NamedTuple):
    """One body as it came from a hub, a file or a request."""

    body: bytes
    partition: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Tally:
    """How the events of a batch were answered; a duplicate is an answer, not an error."""

    accepted: int = 0
    duplicates: int = 0
    rejected: Mapping[Code, int] = field(default_factory=dict)
    letters: frozenset[str] = field(default=frozenset(), compare=False)
    """Ids of the dead letters that the rejected became."""

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum of two tallies."""
        rejected = Counter(self.rejected)
        rejected.update(other.rejected)
        return Tally(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            dict(rejected),
            self.letters | other.letters,
        )


@dataclass(slots=True)
class _Sorted:
    """A batch, read and sorted by ledger."""

    by_ledger: defaultdict[LedgerId, list[tuple[Usage, Message]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    letters: list[DeadLetter] = field(default_factory=list)
    halves: list[PendingHalf] = field(default_factory=list)


class Ingest:
    """The use case behind `ingest_usage` and `metering ingest`."""

    def __init__(
        self,
        *,
        tenancy: Tenancy,
        committer: Committer,
        dead_letters: DeadLetterStore,
        pending: PendingStore,
        clock: Clock,
        alerts: Alerts,
    ) -> None:
        self._tenancy = tenancy
        self._committer = committer
        self._dead_letters = dead_letters
        self._pending = pending
        self._clock = clock
        self._alerts = alerts
        self._reader = UsageReader()
        self._stopped_since: dict[str, Instant] = {}

    async def batch(
        self,
        messages: Sequence[Message],
        *,
        hub: str = USAGE_HUB,
        stop_for: Instant = LONGEST_STOP,
    ) -> Tally:
        """Commit a batch and return how its events were answered.

        Raises StopRuleError, with nothing committed, while most of it is unreadable: for at most
        `stop_for` microseconds from its first arrival, then it goes to dead letters. Raises
        RetryableError when the store is out of reach. Safe to repeat after either.
        """
        now = self._clock.now()
        read, refused = self._read(messages, now)
        self._apply_stop_rule(messages, refused, now, stop_for)
        await self._tenancy.refresh()
        batch = await self._sort(read, hub, now)
        batch.letters.extend(_letter(hub, message, now, why) for message, why in refused)
        # The halves first: an event that the ledger knows is answered as a duplicate at once.
        await self._pending.put_identities(batch.halves)
        accepted = duplicates = 0
        for ledger, rows in batch.by_ledger.items():
            committed, letters = await self._commit(ledger, rows, hub, now)
            accepted += committed[0]
            duplicates += committed[1]
            batch.letters.extend(letters)
        await self._dead_letters.put(batch.letters)
        codes = Counter(Code(letter.code) for letter in batch.letters)
        ids = frozenset(letter.id for letter in batch.letters)
        return Tally(accepted, duplicates, dict(codes), ids)

    def _read(
        self, messages: Sequence[Message], now: Instant
    ) -> tuple[list[tuple[Usage, Message]], list[tuple[Message, RejectedEvent]]]:
        read: list[tuple[Usage, Message]] = []
        refused: list[tuple[Message, RejectedEvent]] = []
        for message in messages:
            try:
                read.append((self._reader.read(message.body, now), message))
            except RejectedEvent as why:
                refused.append((message, why))
        return read, refused

    def _apply_stop_rule(
        self,
        messages: Sequence[Message],
        refused: Sequence[tuple[Message, RejectedEvent]],
        now: Instant,
        stop_for: Instant,
    ) -> None:
        place = f"{messages[0].partition}/{messages[0].sequence}" if messages else ""
        if not is_bad_deploy((why.code for _, why in refused), len(messages)):
            self._stopped_since.pop(place, None)
            return
        since = self._stopped_since.setdefault(place, now)
        if now - since >= stop_for:
            self._alerts.alert(f"{place}: {len(refused)} unreadable events go to dead letters")
            del self._stopped_since[place]
            return
        raise StopRuleError(
            f"{len(refused)} of {len(messages)} events from {place} cannot be read"
            f" (first: {refused[0][1]}): nothing of this batch was committed"
        )

    async def _sort(self, read: Sequence[tuple[Usage, Message]], hub: str, now: Instant) -> _Sorted:
        batch = _Sorted()
        for usage, message in read:
            subject = usage.dimensions.subject
            try:
                terms = self._tenancy.terms_book.known(subject, usage.time)
                if terms is None:
                    terms = await self._tenancy.terms(subject, usage.time)
            except RejectedEvent as why:
                batch.letters.append(_letter(hub, message, now, why))
                continue
            batch.by_ledger[terms.ledger].append((usage, message))
            if usage.evidence is Evidence.HELD:
                batch.halves.append(PendingHalf(usage.id, message.body, usage.time))
        return batch

    async def _commit(
        self,
        ledger: LedgerId,
        rows: Sequence[tuple[Usage, Message]],
        hub: str,
        now: Instant,
    ) -> tuple[tuple[int, int], list[DeadLetter]]:
        """Commit one ledger's events; a ledger that cannot be trusted parks its own alone."""
        usages = [usage for usage, _ in rows]
        try:
            answer = await self._committer.commit(ledger, usages, self._tenancy.terms_book.rate)
        except LedgerBroken as fault:
            self._alerts.alert(str(fault))
            why = RejectedEvent(Code.LEDGER_STOPPED, fault.reason)
            return (0, 0), [_letter(hub, message, now, why) for _, message in rows]
        letters: list[DeadLetter] = []
        if answer.conflicts:
            # By rank too: weaker and better counts of one request may say the same.
            messages: dict[tuple[EventKey, Evidence, str], Message] = {
                (usage.key, usage.evidence, usage.digest): message for usage, message in rows
            }
            why = RejectedEvent(Code.ID_CONFLICT, "id: known with other content")
            letters = [
                _letter(hub, messages[usage.key, usage.evidence, usage.digest], now, why)
                for usage in answer.conflicts
            ]
        return (answer.accepted, answer.duplicates), letters


def _letter(hub: str, message: Message, now: Instant, why: RejectedEvent) -> DeadLetter:
    identity = hashlib.sha256(hub.encode() + b"\0" + message.body).hexdigest()
    return DeadLetter(
        identity,
        why.code,
        why.reason,
        hub,
        message.body,
        message.partition,
        message.sequence,
        now,
    )
