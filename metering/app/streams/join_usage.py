"""Join the counts in gateway logs to reported streams; keep the rows of unreported requests.

docs/adr/0007-streams.md has the protocol: file your own document, then look for the other one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from metering.app.hubs.batch import LOGS_HUB, Message, StopRule, Tally, dead_letter_of
from metering.app.hubs.pieces import Pieces, name_of
from metering.app.hubs.publish import publish
from metering.app.streams.complete_streams import CompleteStreams, Joined, contradiction
from metering.app.streams.log_pieces import LogRows, Logs, pieces_of, unreadable
from metering.app.streams.register import REPORTED, Register
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import Slot
from metering.core.hubs.stop_rule import LONGEST_STOP
from metering.core.streams.filing import KINDS, WAITING
from metering.core.streams.gateway_log import Log, read_log
from metering.core.streams.id_index import digest_of
from metering.core.streams.joining import recovered
from metering.core.streams.lifetimes import SECOND_LOOK
from metering.core.streams.log_rows import GatewayRow, LlmRow, merge_rows
from metering.core.streams.matching import Match, Report
from metering.core.streams.sheets import file_waiting, sender_digest
from metering.ports import Alerts, Clock, DeadLetter, DeadLetterStore, UsagePublisher


@dataclass(slots=True)
class _Sorted:
    """Log rows by outcome."""

    joined: list[Joined] = field(default_factory=list)
    """Streams to complete."""
    counts: dict[str, LlmRow] = field(default_factory=dict)
    senders: dict[str, GatewayRow] = field(default_factory=dict)
    """Rows of requests that nobody has reported; they are not filed yet."""
    recovered: dict[str, tuple[GatewayRow, LlmRow]] = field(default_factory=dict)
    """Requests to recover at once."""
    known: int = 0
    """Rows that were known before."""
    dead_letters: list[DeadLetter] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class JoinUsage:
    """The use case behind `join_usage` and `metering ingest --hub gateway-logs`."""

    register: Register
    streams: CompleteStreams
    publisher: UsagePublisher
    dead_letters: DeadLetterStore
    clock: Clock
    alerts: Alerts
    recovery_delay: Instant | None
    """Time to wait for a policy to report a request before its usage is recovered from logs. 0:
    at once, for installations with logs only. None: never."""
    _stop_rule: StopRule = field(init=False)
    _pieces: Pieces[Tally] = field(init=False, default_factory=Pieces)

    def __post_init__(self) -> None:
        """Start with no batch held up."""
        self._stop_rule = StopRule(alerts=self.alerts)

    async def batch(
        self,
        messages: Sequence[Message],
        *,
        hub: str = LOGS_HUB,
        stop_for: Instant = LONGEST_STOP,
    ) -> Tally:
        """Ingest a batch of logs and return the tally of its records.

        Raises StopRuleError, with nothing stored, while the batch's only source is mostly
        unreadable: for at most `stop_for` microseconds. Raises RetryableError if the store is
        unavailable or the hub refuses to publish. Safe to repeat after either: the pieces that were
        done are skipped.
        """
        now = self.clock.now()
        logs = [read_log(message.body) for message in messages]
        read = [log.resource or hub for log in logs if not log.is_unreadable]
        self._stop_rule.apply(messages, read, unreadable(messages, logs), now, stop_for)
        tally = Tally()
        names: list[bytes] = []
        for piece in pieces_of(messages, logs):
            name = name_of([hub, *(message.body for message, _ in piece)])
            outcome = self._pieces.outcome(name)
            if outcome is None:
                outcome = await self._join(piece, hub, now)
                self._pieces.keep(name, outcome)
            names.append(name)
            tally = tally.plus(outcome)
        self._pieces.forget(names)
        return tally

    async def _join(self, piece: Logs, hub: str, now: Instant) -> Tally:
        logs = [log for _, log in piece]
        rows = LogRows(
            merge_rows(row for log in logs for row in log.llm_rows), self._senders(logs), now
        )
        done = await self._sort(rows, hub)
        done.dead_letters += [
            dead_letter_of(hub, message._replace(body=bad.body), now, bad.why)
            for message, log in piece
            for bad in log.refused
        ]
        await self._publish(done, now)
        waiting = LogRows(done.counts, done.senders, now)
        if waiting.number:
            done.dead_letters += await self._wait(waiting, hub)
        await self.dead_letters.put(done.dead_letters)
        found = sum(len(log.llm_rows) + len(log.gateway_rows) + log.ignored for log in logs)
        tally = Tally(
            rows.number - done.known,
            done.known,
            ignored=found - rows.number,
        )
        return tally.with_dead_letters(done.dead_letters)

    def _senders(self, logs: Sequence[Log]) -> dict[str, GatewayRow]:
        """Return the records from which usage may be recovered.

        A policy reports a call without a subscription under the client's name, which the log does
        not have. Recovering such a call could count it twice, unless there are no policies.
        """
        if self.recovery_delay is None:
            return {}
        rows = (row for log in logs for row in log.gateway_rows)
        return {row.request_id: row for row in rows if row.subscription or not self.recovery_delay}

    async def _sort(self, rows: LogRows, hub: str, *, again: bool = False) -> _Sorted:
        """Look for the reports of log rows, and say what is to be done with each."""
        slots = rows.slots
        wanted = {digest_of(name): slot for name, slot in slots.items()}
        if again:
            wanted |= {sender_digest(name): slot for name, slot in slots.items()}
        found = await self.register.look(KINDS, wanted, REPORTED, again=again)
        matches = {name: self.register.match(found, name, slot) for name, slot in slots.items()}
        if not again:
            alone = [name for name, one in matches.items() if self._needs_sender(rows, name, one)]
            senders = {sender_digest(name): slots[name] for name in alone}
            found |= await self.register.look(WAITING, senders, REPORTED)
            matches |= {name: self.register.match(found, name, slots[name]) for name in alone}
        done = _Sorted()
        for name, one in matches.items():
            self._place(name, one, rows, done, hub)
        return done

    def _needs_sender(self, rows: LogRows, name: str, found: Match) -> bool:
        return found.report is Report.NONE and (name in rows.senders or self.recovery_delay == 0)

    def _place(self, name: str, found: Match, rows: LogRows, done: _Sorted, hub: str) -> None:
        """Say what is to be done with the rows of one request."""
        row, sender = rows.counts.get(name), rows.senders.get(name)
        completed = self.streams.counts_of(name)
        first = completed or (found.row and found.row.counts)
        if row is not None:
            if first is not None and first != row.counts:
                done.dead_letters.append(contradiction(hub, row, rows.now))
            if found.stream is not None and found.report is Report.STREAM and completed is None:
                done.joined.append((found.stream, found.row or row))
            elif first is not None:
                done.known += 1
            elif found.report is Report.NONE:
                done.counts[name] = row
        if found.report is Report.NONE:
            if sender is not None and found.sender is not None:
                done.known += 1
            elif sender is not None:
                done.senders[name] = sender
            counted, by = found.row or row, found.sender or sender
            if self.recovery_delay == 0 and counted is not None and by is not None:
                done.recovered[name] = by, counted
                done.counts.pop(name, None)
                done.senders.pop(name, None)

    async def _wait(self, rows: LogRows, hub: str) -> list[DeadLetter]:
        """File rows of requests that nobody has reported; then look again for their reports.

        Of report and row whichever is filed second is filed by somebody who looks afterwards.
        """
        by_slot: defaultdict[Slot, tuple[list[LlmRow], list[GatewayRow]]] = defaultdict(
            lambda: ([], [])
        )
        for name, slot in rows.slots.items():
            counts, senders = by_slot[slot]
            counts += [row for row in [rows.counts.get(name)] if row is not None]
            senders += [row for row in [rows.senders.get(name)] if row is not None]
        due = rows.now + max(self.recovery_delay or 0, SECOND_LOOK)
        await self.register.file(file_waiting(by_slot, due))
        done = await self._sort(rows, hub, again=True)
        await self._publish(done, rows.now)
        return done.dead_letters

    async def _publish(self, done: _Sorted, now: Instant) -> None:
        """Complete streams, and recover at once what is to be recovered at once."""
        done.dead_letters += await self.streams.complete(done.joined)
        events: list[bytes] = []
        for sender, row in done.recovered.values():
            try:
                events.append(recovered(sender, row))
            except RejectedEvent as why:
                letter = dead_letter_of(LOGS_HUB, Message(row.body(), "", 0), now, why)
                done.dead_letters.append(letter)
        done.dead_letters += await publish(self.publisher, events, now)
