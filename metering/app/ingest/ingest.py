"""Ingest a batch of usage events: each body is counted once or dead-lettered with a code."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from metering.app.hubs.batch import USAGE_HUB, Message, StopRule, Tally, dead_letter_of
from metering.app.ingest.commit_batch import CommitBatch, Sorted
from metering.app.ledger.committer import Committed, Committer
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.streams.register import Register
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.basics.wording import plural
from metering.core.hubs.sender import sender_of
from metering.core.hubs.stop_rule import LONGEST_STOP
from metering.core.streams.sheets import stream_of
from metering.core.usage.evidence import Evidence
from metering.core.usage.meters import router_fee
from metering.core.usage.usage import Usage
from metering.core.usage.usage_reader import Read, UsageReader
from metering.ports import (
    Alerts,
    Clock,
    DeadLetterStore,
)

__all__ = ["USAGE_HUB", "Ingest", "Message", "Tally"]


@dataclass(slots=True, kw_only=True)
class Ingest:
    """The use case behind `ingest_usage` and `metering ingest`."""

    tenancy: Tenancy
    committer: Committer
    dead_letters: DeadLetterStore
    register: Register
    streams: CompleteStreams
    clock: Clock
    alerts: Alerts
    _reader: UsageReader = field(init=False, default_factory=UsageReader)
    _stop_rule: StopRule = field(init=False)
    _commit: CommitBatch = field(init=False)
    _told: set[str | None] = field(init=False, default_factory=set)
    """Models whose surplus of cached tokens this process has reported."""

    def __post_init__(self) -> None:
        """Start with no batch held up."""
        self._stop_rule = StopRule(alerts=self.alerts)
        self._commit = CommitBatch(
            committer=self.committer,
            tenancy=self.tenancy,
            register=self.register,
            alerts=self.alerts,
        )

    async def batch(
        self,
        messages: Sequence[Message],
        *,
        hub: str = USAGE_HUB,
        stop_for: Instant = LONGEST_STOP,
    ) -> Tally:
        """Commit a batch and return the tally of its outcomes.

        Raises StopRuleError, with nothing committed, while the batch's only source is mostly
        unreadable: for at most `stop_for` microseconds from its first arrival, then the events
        become dead letters.
        Raises RetryableError if the store is unavailable, or one ledger of it, after the others
        were committed to. Safe to repeat after either.
        """
        now = self.clock.now()
        read, refused = self._read(messages, now)
        sources = [(sender_of(message.body).source, why) for message, why in refused]
        known = [usage.dimensions.source for (usage, _), _ in read]
        self._stop_rule.apply(messages, known, sources, now, stop_for)
        await self.tenancy.refresh_if_due()
        batch = await self._sort(read, hub, now)
        batch.dead_letters.extend(
            dead_letter_of(hub, message, now, why) for message, why in refused
        )
        # Before the commit: once the ledger has an event, its redelivery is only a duplicate.
        await self.register.file_streams(batch.streams)
        answer = Committed()
        done = await self._commit.commit(batch, hub, now)
        for committed, dead_letters in done.outcomes:
            answer = answer.plus(committed)
            batch.dead_letters.extend(dead_letters)
        await self.dead_letters.put(batch.dead_letters)
        if done.waits:
            raise done.waits[0]
        await self.dead_letters.put(await self.streams.complete_reported(batch.streams))
        tally = Tally(answer.accepted, answer.duplicates, effects=answer.effects)
        return tally.with_dead_letters(batch.dead_letters)

    def _read(
        self, messages: Sequence[Message], now: Instant
    ) -> tuple[list[tuple[Read, Message]], list[tuple[Message, RejectedEvent]]]:
        read: list[tuple[Read, Message]] = []
        refused: list[tuple[Message, RejectedEvent]] = []
        for message in messages:
            try:
                read.append((self._reader.read_all(message.body, now), message))
            except RejectedEvent as why:
                refused.append((message, why))
        return read, refused

    async def _sort(self, read: Sequence[tuple[Read, Message]], hub: str, now: Instant) -> Sorted:
        batch = Sorted()
        if any(self._is_unknown(usage) for (usage, _), _ in read):
            # The directory may be seconds old: none is refused, or given a tenant, on its word.
            await self.tenancy.refresh()
        for (usage, beside), message in read:
            subject = usage.dimensions.subject
            try:
                terms = self.tenancy.terms_book.known(subject, usage.time)
                if terms is None:
                    terms = await self.tenancy.terms(subject, usage.time)
            except RejectedEvent as why:
                batch.dead_letters.append(dead_letter_of(hub, message, now, why))
                continue
            batch.by_ledger[terms.ledger].append((usage, message))
            if self.tenancy.terms_book.is_routed(usage):
                batch.meters[id(usage)] = (*beside, router_fee(usage))
            elif beside:
                batch.meters[id(usage)] = beside
            if usage.dimensions.surplus:
                self._tell_of_surplus(usage)
            if usage.evidence is Evidence.HELD and usage.dimensions.producer is None:
                # The counts of a producer's stream come from the producer, not from a log.
                batch.streams.append(stream_of(usage, message.body))
        return batch

    def _is_unknown(self, usage: Usage) -> bool:
        subject = usage.dimensions.subject
        if self.tenancy.terms_book.known(subject, usage.time) is not None:
            return False
        return self.tenancy.directory.assignment(subject, usage.time) is None

    def _tell_of_surplus(self, usage: Usage) -> None:
        """Report a model's cached tokens beyond its prompt, once for each model and process."""
        of = usage.dimensions
        if of.model not in self._told:
            self._told.add(of.model)
            self.alerts.alert(
                f"{of.model or 'a model'}: reports {plural(of.surplus or 0, 'cached token')} beyond"
                f" its prompt (request {usage.id}): the prompt is charged as plain input and the"
                " surplus is"
                " kept beside the counts: compare it with the invoice"
            )
