"""Commit a sorted batch: ledger by ledger, some at once, each kept when it is done."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.hubs.batch import Message, dead_letter_of
from metering.app.hubs.pieces import Pieces, each, name_of
from metering.app.ingest.patience import Patience
from metering.app.ledger.committer import Committed, Committer
from metering.app.ledger.one_by_one import MAX_UNKNOWN
from metering.app.streams.register import Register
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import Code, LedgerBroken, RejectedEvent, RetryableError
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.streams.sheets import Stream
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import EventKey, Usage
from metering.ports import Alerts, DeadLetter

#: Ledgers that are committed at once: each waits for the store most of the time.
AT_ONCE: Final = 8

type _Outcome = tuple[Committed, list[DeadLetter]]
"""The outcomes of the events of a ledger, and the dead letters of those set aside."""


@dataclass(slots=True)
class Sorted:
    """A batch, parsed and grouped by ledger."""

    by_ledger: defaultdict[LedgerId, list[tuple[Usage, Message]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    dead_letters: list[DeadLetter] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    meters: dict[int, tuple[Usage, ...]] = field(default_factory=dict)
    """The meters beside a request, by the identity of its usage: ids may repeat in a batch."""


class Done(NamedTuple):
    """The outcomes of a batch, as far as it was committed."""

    outcomes: list[_Outcome]
    waits: list[RetryableError]
    """Why ledgers were left: with any, the batch comes again."""


@dataclass(slots=True, kw_only=True)
class CommitBatch:
    """The step of `Ingest` that writes to ledgers."""

    committer: Committer
    tenancy: Tenancy
    register: Register
    alerts: Alerts
    _pieces: Pieces[_Outcome] = field(init=False, default_factory=Pieces)
    _patience: Patience = field(init=False, default_factory=Patience)

    async def commit(self, batch: Sorted, hub: str, now: Instant) -> Done:
        """Commit the ledgers of a batch, without those that an earlier attempt has done.

        After a fault the ledgers that are left go first; then the batch comes again. After
        MAX_UNKNOWN faults the store itself is out of reach.
        """
        names = {
            ledger: name_of([str(ledger), *(f"{one.digest} {one.id}" for one, _ in rows)])
            for ledger, rows in batch.by_ledger.items()
        }
        outcomes: dict[LedgerId, _Outcome] = {}
        waits: list[RetryableError] = []

        async def commit(ledger: LedgerId) -> None:
            if len(waits) < MAX_UNKNOWN:
                try:
                    outcomes[ledger] = await self._once(names[ledger], batch, ledger, hub, now)
                except RetryableError as fault:
                    waits.append(fault)

        await each(list(names), commit, AT_ONCE)
        if not waits:
            self._pieces.forget(names.values())
        return Done([outcomes[ledger] for ledger in names if ledger in outcomes], waits)

    async def _once(
        self, name: bytes, batch: Sorted, ledger: LedgerId, hub: str, now: Instant
    ) -> _Outcome:
        """Commit one ledger's events, unless an earlier attempt of the batch has done so.

        Raises RetryableError while it is not clear that the fault is the ledger's own.
        """
        outcome = self._pieces.outcome(name)
        if outcome is not None:
            return outcome
        try:
            outcome = await self._commit_all(batch, ledger, hub, now)
            self._patience.succeeded(ledger, now)
        except RetryableError as fault:
            if not self._patience.is_over(ledger, now):
                raise
            outcome = Committed(), self._parked(batch, ledger, hub, now, str(fault))
        self._pieces.keep(name, outcome)
        return outcome

    def _parked(
        self, batch: Sorted, ledger: LedgerId, hub: str, now: Instant, reason: str
    ) -> list[DeadLetter]:
        """Return the dead letters of a ledger that fails while all others are committed to."""
        self.alerts.alert(f"ledger {ledger}: {reason}", "ledger")
        why = RejectedEvent(Code.LEDGER_STOPPED, reason)
        return [dead_letter_of(hub, message, now, why) for _, message in batch.by_ledger[ledger]]

    async def _commit_all(
        self, batch: Sorted, ledger: LedgerId, hub: str, now: Instant
    ) -> _Outcome:
        """Commit one ledger's events with the meters beside them."""
        answer, dead_letters = await self._commit(ledger, batch.by_ledger[ledger], hub, now)
        if batch.meters:
            refused = {letter.body for letter in (*batch.dead_letters, *dead_letters)}
            meters = await self._commit_meters(batch, ledger, hub, now, refused)
            answer, dead_letters = answer.plus(meters[0]), dead_letters + meters[1]
        return answer, dead_letters

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
        self, batch: Sorted, ledger: LedgerId, hub: str, now: Instant, refused: Collection[bytes]
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
