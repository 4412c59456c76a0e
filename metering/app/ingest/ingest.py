"""Ingest a batch of usage events: each body is counted once or dead-lettered with a code."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from metering.app.hubs.batch import USAGE_HUB, Message, StopRule, Tally, dead_letter_of
from metering.app.hubs.pieces import Pieces, each, name_of
from metering.app.ledger.committer import Committed, Committer
from metering.app.streams.complete_streams import CompleteStreams
from metering.app.streams.register import Register
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import Code, LedgerBroken, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.hubs.sender import sender_of
from metering.core.hubs.stop_rule import LONGEST_STOP
from metering.core.streams.sheets import Stream, stream_of
from metering.core.usage.evidence import Evidence
from metering.core.usage.meters import router_fee
from metering.core.usage.usage import EventKey, Usage
from metering.core.usage.usage_reader import Read, UsageReader
from metering.ports import (
    Alerts,
    Clock,
    DeadLetter,
    DeadLetterStore,
)

__all__ = ["USAGE_HUB", "Ingest", "Message", "Tally"]


#: Ledgers that are committed at once: each waits for the store most of the time.
AT_ONCE: Final = 8

type _Outcome = tuple[Committed, list[DeadLetter]]
"""The outcomes of the events of a ledger, and the dead letters of those set aside."""


@dataclass(slots=True)
class _Sorted:
    """A batch, parsed and grouped by ledger."""

    by_ledger: defaultdict[LedgerId, list[tuple[Usage, Message]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    dead_letters: list[DeadLetter] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    meters: dict[int, tuple[Usage, ...]] = field(default_factory=dict)
    """The meters beside a request, by the identity of its usage: ids may repeat in a batch."""


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
    _pieces: Pieces[_Outcome] = field(init=False, default_factory=Pieces)
    _told: set[str | None] = field(init=False, default_factory=set)
    """Models whose surplus of cached tokens this process has reported."""

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
        """Commit a batch and return the tally of its outcomes.

        Raises StopRuleError, with nothing committed, while the batch's only source is mostly
        unreadable: for at most `stop_for` microseconds from its first arrival, then the events
        become dead letters.
        Raises RetryableError if the store is unavailable. Safe to repeat after either.
        """
        now = self.clock.now()
        read, refused = self._read(messages, now)
        sources = [(sender_of(message.body).source, why) for message, why in refused]
        done = [usage.dimensions.source for (usage, _), _ in read]
        self._stop_rule.apply(messages, done, sources, now, stop_for)
        await self.tenancy.refresh_if_due()
        batch = await self._sort(read, hub, now)
        batch.dead_letters.extend(
            dead_letter_of(hub, message, now, why) for message, why in refused
        )
        # Before the commit: once the ledger has an event, its redelivery is only a duplicate.
        await self.register.file_streams(batch.streams)
        answer = Committed()
        for committed, dead_letters in await self._commit_ledgers(batch, hub, now):
            answer = answer.plus(committed)
            batch.dead_letters.extend(dead_letters)
        await self.dead_letters.put(batch.dead_letters)
        await self.dead_letters.put(await self.streams.complete_reported(batch.streams))
        tally = Tally(answer.accepted, answer.duplicates, effects=answer.effects)
        return tally.with_dead_letters(batch.dead_letters)

    async def _commit_ledgers(self, batch: _Sorted, hub: str, now: Instant) -> list[_Outcome]:
        """Commit the ledgers of a batch, some at once, without those that an attempt has done."""
        names = {
            ledger: name_of([str(ledger), *(f"{one.digest} {one.id}" for one, _ in rows)])
            for ledger, rows in batch.by_ledger.items()
        }
        outcomes = {ledger: self._pieces.outcome(name) for ledger, name in names.items()}

        async def commit(ledger: LedgerId) -> None:
            outcomes[ledger] = outcome = await self._commit_all(batch, ledger, hub, now)
            self._pieces.keep(names[ledger], outcome)

        await each([one for one, done in outcomes.items() if done is None], commit, AT_ONCE)
        self._pieces.forget(names.values())
        return [outcome for outcome in outcomes.values() if outcome is not None]

    async def _commit_all(
        self, batch: _Sorted, ledger: LedgerId, hub: str, now: Instant
    ) -> _Outcome:
        """Commit one ledger's events with the meters beside them."""
        answer, dead_letters = await self._commit(ledger, batch.by_ledger[ledger], hub, now)
        if batch.meters:
            refused = {letter.body for letter in (*batch.dead_letters, *dead_letters)}
            meters = await self._commit_meters(batch, ledger, hub, now, refused)
            answer, dead_letters = answer.plus(meters[0]), dead_letters + meters[1]
        return answer, dead_letters

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

    async def _sort(self, read: Sequence[tuple[Read, Message]], hub: str, now: Instant) -> _Sorted:
        batch = _Sorted()
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
            if usage.evidence is Evidence.HELD:
                batch.streams.append(stream_of(usage, message.body))
        return batch

    def _is_unknown(self, usage: Usage) -> bool:
        subject = usage.dimensions.subject
        if self.tenancy.terms_book.known(subject, usage.time) is not None:
            return False
        return self.tenancy.directory.assignment(subject, usage.time) is None

    async def _commit(
        self,
        ledger: LedgerId,
        rows: Sequence[tuple[Usage, Message]],
        hub: str,
        now: Instant,
    ) -> _Outcome:
        """Commit one ledger's events; a broken ledger dead-letters its own events only."""
        usages = [usage for usage, _ in rows]
        try:
            answer = await self.committer.commit(ledger, usages, self.tenancy.terms_book.rate)
        except LedgerBroken as fault:
            self.alerts.alert(str(fault), "ledger")
            why = RejectedEvent(Code.LEDGER_STOPPED, fault.reason)
            return Committed(), [dead_letter_of(hub, message, now, why) for _, message in rows]
        dead_letters: list[DeadLetter] = []
        set_aside = set(map(id, answer.conflicts))
        await self.register.note_counted(one for one in usages if id(one) not in set_aside)
        if answer.conflicts:
            # By evidence too: weaker and better counts of one request may have equal digests.
            messages: dict[tuple[EventKey, Evidence, str], Message] = {
                (usage.key, usage.evidence, usage.digest): message for usage, message in rows
            }
            why = RejectedEvent(Code.ID_CONFLICT, "id: already used with different content")
            dead_letters = [
                dead_letter_of(hub, messages[usage.key, usage.evidence, usage.digest], now, why)
                for usage in answer.conflicts
            ]
        return answer, dead_letters

    async def _commit_meters(
        self, batch: _Sorted, ledger: LedgerId, hub: str, now: Instant, refused: Collection[bytes]
    ) -> _Outcome:
        """Commit the meters beside the requests of one ledger that were counted.

        After the requests: a kill in between delivers the batch again, and each meter is known by
        its id. The tally is of events, so meters add their effects alone. A ledger that broke in
        between parks the requests again: replayed, they are duplicates and their meters count.
        """
        rows = [
            (meter, message)
            for usage, message in batch.by_ledger[ledger]
            if message.body not in refused
            for meter in batch.meters.get(id(usage), ())
        ]
        if not rows:
            return Committed(), []
        done, dead_letters = await self._commit(ledger, rows, hub, now)
        return Committed(effects=done.effects), dead_letters

    def _tell_of_surplus(self, usage: Usage) -> None:
        """Report a model's cached tokens beyond its prompt, once for each model and process."""
        of = usage.dimensions
        if of.model not in self._told:
            self._told.add(of.model)
            self.alerts.alert(
                f"{of.model or 'a model'}: reports {of.surplus} cached tokens beyond its prompt"
                f" (request {usage.id}): the prompt is charged as plain input and the surplus is"
                " kept beside the counts: compare it with the invoice"
            )
