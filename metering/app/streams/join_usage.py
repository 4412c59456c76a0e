"""Join the counts in gateway logs to waiting streams; recover usage that no policy reported.

docs/adr/0007-streams.md has the protocol: write your own partial record, then read the other one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.app.hubs.batch import LOGS_HUB, Message, StopRule, Tally, dead_letter_of
from metering.app.hubs.publish import publish
from metering.app.streams.complete_streams import CompleteStreams, row_of
from metering.core.basics.errors import UNREADABLE, Code, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.hubs.sender import sender_of
from metering.core.hubs.stop_rule import LONGEST_STOP
from metering.core.streams.gateway_log import Log, read_log
from metering.core.streams.joining import recovered
from metering.core.streams.log_rows import GatewayRow, LlmRow, merge_rows
from metering.ports import (
    Alerts,
    Clock,
    DeadLetter,
    DeadLetterStore,
    LogHalf,
    PendingHalf,
    PendingStore,
    UsagePublisher,
)

type _Bodies = Mapping[str, bytes]


class _Kept(NamedTuple):
    """Partial records of one kind as stored, and the ids that were stored before."""

    halves: _Bodies
    known: frozenset[str]


class _Joined(NamedTuple):
    """The result of joining counts."""

    alone: _Bodies
    """Counts without a waiting stream."""
    claimed: frozenset[str]
    known: frozenset[str]
    dead_letters: list[DeadLetter]


@dataclass(slots=True, kw_only=True)
class JoinUsage:
    """The use case behind `join_usage` and `metering ingest --hub gateway-logs`."""

    pending: PendingStore
    streams: CompleteStreams
    publisher: UsagePublisher
    dead_letters: DeadLetterStore
    clock: Clock
    alerts: Alerts
    recovery_delay: Instant | None
    """How long to wait for a policy to report a request before its usage is recovered from logs. 0:
    at once, for installations with logs only. None: never."""
    _stop_rule: StopRule = field(init=False)

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
        unavailable or the hub refuses to publish. Safe to repeat after either.
        """
        now = self.clock.now()
        logs = [read_log(message.body) for message in messages]
        refused = _unreadable(messages, logs)
        done = [log.resource or hub for log in logs if not log.is_unreadable]
        self._stop_rule.apply(messages, done, refused, now, stop_for)
        dead_letters = [
            dead_letter_of(hub, message._replace(body=bad.body), now, bad.why)
            for message, log in zip(messages, logs, strict=True)
            for bad in log.refused
        ]
        rows = merge_rows(row for log in logs for row in log.llm_rows)
        joined = await self._join(rows, hub, now)
        senders = self._senders(logs)
        gateway = await self._keep("gateway", {s.request_id: s.body() for s in senders}, now)
        dead_letters += joined.dead_letters
        dead_letters += await self._recover(joined, gateway.halves, now)
        await self.dead_letters.put(dead_letters)
        known = len(joined.known) + len(gateway.known)
        taken = len(rows) + len(gateway.halves)
        found = sum(len(log.llm_rows) + len(log.gateway_rows) + log.ignored for log in logs)
        unclaimed = len(joined.alone.keys() - joined.known)
        tally = Tally(taken - known, known, ignored=found - taken, unclaimed=unclaimed)
        return tally.with_dead_letters(dead_letters)

    async def _join(self, rows: Mapping[str, LlmRow], hub: str, now: Instant) -> _Joined:
        """Complete the streams that wait for these counts; store the other counts."""
        bodies = {request_id: row.body() for request_id, row in rows.items()}
        # The request record nearly always arrives first; the counts need not be stored then.
        waiting = await self.pending.read_halves("identity", rows.keys())
        dead_letters = (await self.streams.complete(waiting, bodies, kept=False)).dead_letters
        early = {name: body for name, body in bodies.items() if name not in waiting}
        tokens = await self._keep("tokens", early, now)
        dead_letters += _contradictions(rows, tokens, hub, now)
        # It may have arrived since: only a read after the counts are stored misses none.
        late = await self.pending.read_halves("identity", early.keys())
        dead_letters += (await self.streams.complete(late, tokens.halves)).dead_letters
        alone = {name: body for name, body in tokens.halves.items() if name not in late}
        claimed = frozenset(bodies.keys() - alone.keys())
        return _Joined(alone, claimed, tokens.known, dead_letters)

    async def _keep(self, kind: LogHalf, bodies: _Bodies, now: Instant) -> _Kept:
        """Store partial records, and return the stored version of each: the first one wins."""
        halves = [PendingHalf(request_id, body, now) for request_id, body in bodies.items()]
        known = await self.pending.put_logs(kind, halves)
        there = await self.pending.read_halves(kind, known)
        return _Kept({**bodies, **there}, known)

    def _senders(self, logs: Sequence[Log]) -> list[GatewayRow]:
        """Return the records from which usage may be recovered.

        A policy reports a call without a subscription under the client's name, which the log does
        not have. Recovering such a call could count it twice, unless there are no policies.
        """
        if self.recovery_delay is None:
            return []
        rows = [row for log in logs for row in log.gateway_rows]
        return [row for row in rows if row.subscription or not self.recovery_delay]

    async def _recover(self, joined: _Joined, gateway: _Bodies, now: Instant) -> list[DeadLetter]:
        """Publish, or schedule for recovery, usage in both logs that no policy reported."""
        if self.recovery_delay is None:
            return []
        halves = self.pending
        tokens = joined.alone
        gateway = {**gateway, **await halves.read_halves("gateway", tokens.keys() - gateway.keys())}
        earlier = gateway.keys() - tokens.keys() - joined.claimed
        tokens = {**tokens, **await halves.read_halves("tokens", earlier)}
        found = tokens.keys() & gateway.keys()
        events: dict[str, bytes] = {}
        dead_letters: list[DeadLetter] = []
        for request_id in found:
            try:
                events[request_id] = recovered(
                    _sender(gateway[request_id]), row_of(tokens[request_id])
                )
            except RejectedEvent as why:
                dead_letters.append(
                    dead_letter_of(LOGS_HUB, Message(tokens[request_id], "", 0), now, why)
                )
        if not events:
            return dead_letters
        if self.recovery_delay:
            listed = [PendingHalf(name, body, now) for name, body in events.items()]
            await halves.put_logs("recovery", listed)
        else:
            dead_letters += await publish(self.publisher, events.values(), now)
        return dead_letters


def _unreadable(
    messages: Sequence[Message], logs: Sequence[Log]
) -> list[tuple[str, RejectedEvent]]:
    """Return the source of each body that cannot be read to its end, with the first reason."""
    return [
        (log.resource or sender_of(message.body).source, whys[0])
        for message, log in zip(messages, logs, strict=True)
        if (whys := [bad.why for bad in log.refused if bad.why.code in UNREADABLE])
    ]


def _contradictions(
    rows: Mapping[str, LlmRow], kept: _Kept, hub: str, now: Instant
) -> list[DeadLetter]:
    """Return dead letters for counts that differ from the first ones, which stand."""
    why = RejectedEvent(Code.ID_CONFLICT, "correlationId: already known with different counts")
    return [
        dead_letter_of(hub, Message(rows[request_id].body(), "", 0), now, why)
        for request_id in sorted(kept.known)
        if rows[request_id].counts != row_of(kept.halves[request_id]).counts
    ]


def _sender(body: bytes) -> GatewayRow:
    (row,) = read_log(body).gateway_rows
    return row
