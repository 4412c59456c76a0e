"""Ingest a batch of usage events: every body is counted once, or set aside with a code."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from metering.app.hubs.batch import USAGE_HUB, Message, StopRule, Tally, letter_of
from metering.app.ledger.committer import Committed, Committer
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import Code, LedgerBroken, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.hubs.stop_rule import LONGEST_STOP
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import EventKey, Usage
from metering.core.usage.usage_reader import UsageReader
from metering.ports import (
    Alerts,
    Clock,
    DeadLetter,
    DeadLetterStore,
    Outgoing,
    PendingHalf,
    PendingStore,
)

__all__ = ["USAGE_HUB", "Ingest", "Message", "Tally"]


@dataclass(slots=True)
class _Sorted:
    """A batch, read and sorted by ledger."""

    by_ledger: defaultdict[LedgerId, list[tuple[Usage, Message]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    letters: list[DeadLetter] = field(default_factory=list)
    halves: list[PendingHalf] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Ingest:
    """The use case behind `ingest_usage` and `metering ingest`."""

    tenancy: Tenancy
    committer: Committer
    dead_letters: DeadLetterStore
    pending: PendingStore
    streams: CompleteStreams
    clock: Clock
    alerts: Alerts
    _reader: UsageReader = field(init=False, default_factory=UsageReader)
    _stop_rule: StopRule = field(init=False)

    def __post_init__(self) -> None:
        """Start with no batch held up."""
        self._stop_rule = StopRule(alerts=self.alerts)

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
        now = self.clock.now()
        read, refused = self._read(messages, now)
        self._stop_rule.apply(messages, [why for _, why in refused], now, stop_for)
        await self.tenancy.refresh()
        batch = await self._sort(read, hub, now)
        batch.letters.extend(letter_of(hub, message, now, why) for message, why in refused)
        # The halves first: an event that the ledger knows is answered as a duplicate at once.
        await self.pending.put_identities(batch.halves)
        answer = Committed()
        for ledger, rows in batch.by_ledger.items():
            committed, letters = await self._commit(ledger, rows, hub, now)
            answer = answer.plus(committed)
            batch.letters.extend(letters)
        await self.dead_letters.put(batch.letters)
        await self._complete(batch.halves)
        tally = Tally(answer.accepted, answer.duplicates, effects=answer.effects)
        return tally.with_letters(batch.letters)

    async def _complete(self, halves: Sequence[PendingHalf]) -> None:
        """Publish the streams whose counts were here first. Batches without streams cost nothing.

        Only after their halves were put: of two writers the later sees both.
        """
        identities = {half.request_id: half.body for half in halves}
        tokens = await self.pending.read_halves("tokens", identities.keys())
        if tokens:
            done = await self.streams.complete(identities, tokens)
            await self.dead_letters.put(done.letters)

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

    async def _sort(self, read: Sequence[tuple[Usage, Message]], hub: str, now: Instant) -> _Sorted:
        batch = _Sorted()
        for usage, message in read:
            subject = usage.dimensions.subject
            try:
                terms = self.tenancy.terms_book.known(subject, usage.time)
                if terms is None:
                    terms = await self.tenancy.terms(subject, usage.time)
            except RejectedEvent as why:
                batch.letters.append(letter_of(hub, message, now, why))
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
    ) -> tuple[Committed, list[DeadLetter]]:
        """Commit one ledger's events; a ledger that cannot be trusted parks its own alone."""
        usages = [usage for usage, _ in rows]
        try:
            answer = await self.committer.commit(ledger, usages, self.tenancy.terms_book.rate)
        except LedgerBroken as fault:
            self.alerts.alert(str(fault))
            why = RejectedEvent(Code.LEDGER_STOPPED, fault.reason)
            return Committed(), [letter_of(hub, message, now, why) for _, message in rows]
        letters: list[DeadLetter] = []
        if answer.conflicts:
            # By rank too: weaker and better counts of one request may say the same.
            messages: dict[tuple[EventKey, Evidence, str], Message] = {
                (usage.key, usage.evidence, usage.digest): message for usage, message in rows
            }
            why = RejectedEvent(Code.ID_CONFLICT, "id: known with other content")
            letters = [
                letter_of(hub, messages[usage.key, usage.evidence, usage.digest], now, why)
                for usage in answer.conflicts
            ]
        return answer, letters


@dataclass(slots=True, kw_only=True)
class DirectPublisher:
    """Implements UsagePublisher for one process over a store of its own."""

    ingest: Callable[[], Ingest]
    """Returns the use case. It publishes too, so it cannot be made first."""

    async def publish(self, events: Sequence[Outgoing]) -> None:
        """Count the events; what cannot be counted becomes a dead letter of the hub `usage`."""
        messages = [Message(body, "joined", number) for number, (body, _) in enumerate(events)]
        await self.ingest().batch(messages, hub=USAGE_HUB, stop_for=0)

    async def close(self) -> None:
        """Nothing was opened."""
