"""Join the counts in gateway logs to the streams that wait for them; recover what nobody reported.

docs/adr/0007-streams.md has the protocol: write your own half, then read the other one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from metering.app.hubs.batch import LOGS_HUB, Message, StopRule, Tally, letter_of
from metering.app.hubs.publish import publish
from metering.app.streams.complete_streams import CompleteStreams, row_of
from metering.core.basics.errors import UNREADABLE, Code, RejectedEvent
from metering.core.basics.instants import Instant
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
    """Halves of one kind as the store has them now, and how many of them it had before."""

    halves: _Bodies
    known: frozenset[str]


class _Joined(NamedTuple):
    """What became of counts."""

    alone: _Bodies
    """Those that no stream waits for."""
    claimed: frozenset[str]
    known: frozenset[str]
    letters: list[DeadLetter]


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
        """Take in a batch of logs and return how their records were answered.

        Raises StopRuleError, with nothing taken in, while most of it is unreadable: for at most
        `stop_for` microseconds. Raises RetryableError when the store is out of reach or the hub
        refuses what is published. Safe to repeat after either.
        """
        now = self.clock.now()
        logs = [read_log(message.body) for message in messages]
        whys = [bad.why for log in logs for bad in log.refused if bad.why.code in UNREADABLE]
        self._stop_rule.apply(messages, whys, now, stop_for)
        letters = [
            letter_of(hub, message._replace(body=bad.body), now, bad.why)
            for message, log in zip(messages, logs, strict=True)
            for bad in log.refused
        ]
        rows = merge_rows(row for log in logs for row in log.llm_rows)
        joined = await self._join(rows, hub, now)
        senders = self._senders(logs)
        gateway = await self._keep("gateway", {s.request_id: s.body() for s in senders}, now)
        letters += joined.letters
        letters += await self._recover(joined, gateway.halves, now)
        await self.dead_letters.put(letters)
        known = len(joined.known) + len(gateway.known)
        taken = len(rows) + len(gateway.halves)
        found = sum(len(log.llm_rows) + len(log.gateway_rows) + log.ignored for log in logs)
        unclaimed = len(joined.alone.keys() - joined.known)
        tally = Tally(taken - known, known, ignored=found - taken, unclaimed=unclaimed)
        return tally.with_letters(letters)

    async def _join(self, rows: Mapping[str, LlmRow], hub: str, now: Instant) -> _Joined:
        """Complete the streams that wait for these counts; keep the others for who comes later."""
        bodies = {request_id: row.body() for request_id, row in rows.items()}
        # The identity is nearly always here first: then the counts need not be kept at all.
        waiting = await self.pending.read_halves("identity", rows.keys())
        letters = (await self.streams.complete(waiting, bodies, kept=False)).letters
        early = {name: body for name, body in bodies.items() if name not in waiting}
        tokens = await self._keep("tokens", early, now)
        letters += _contradictions(rows, tokens, hub, now)
        # It may have come since: only a look after the own half was written misses nothing.
        late = await self.pending.read_halves("identity", early.keys())
        letters += (await self.streams.complete(late, tokens.halves)).letters
        alone = {name: body for name, body in tokens.halves.items() if name not in late}
        claimed = frozenset(bodies.keys() - alone.keys())
        return _Joined(alone, claimed, tokens.known, letters)

    async def _keep(self, kind: LogHalf, bodies: _Bodies, now: Instant) -> _Kept:
        """Keep halves, and return for each what the store has: the first one that came."""
        halves = [PendingHalf(request_id, body, now) for request_id, body in bodies.items()]
        known = await self.pending.put_logs(kind, halves)
        there = await self.pending.read_halves(kind, known)
        return _Kept({**bodies, **there}, known)

    def _senders(self, logs: Sequence[Log]) -> list[GatewayRow]:
        """Return the records from which usage may be recovered.

        A call without a subscription may be known under the client's name, which the log lacks:
        where there are policies, recovering it could count it twice.
        """
        if self.recovery_delay is None:
            return []
        rows = [row for log in logs for row in log.gateway_rows]
        return [row for row in rows if row.subscription or not self.recovery_delay]

    async def _recover(self, joined: _Joined, gateway: _Bodies, now: Instant) -> list[DeadLetter]:
        """Publish, or put on the list for later, what both logs know and no policy reported."""
        if self.recovery_delay is None:
            return []
        halves = self.pending
        tokens = joined.alone
        gateway = {**gateway, **await halves.read_halves("gateway", tokens.keys() - gateway.keys())}
        earlier = gateway.keys() - tokens.keys() - joined.claimed
        tokens = {**tokens, **await halves.read_halves("tokens", earlier)}
        found = tokens.keys() & gateway.keys()
        events: dict[str, bytes] = {}
        letters: list[DeadLetter] = []
        for request_id in found:
            try:
                events[request_id] = recovered(
                    _sender(gateway[request_id]), row_of(tokens[request_id])
                )
            except RejectedEvent as why:
                letters.append(letter_of(LOGS_HUB, Message(tokens[request_id], "", 0), now, why))
        if not events:
            return letters
        if self.recovery_delay:
            listed = [PendingHalf(name, body, now) for name, body in events.items()]
            await halves.put_logs("recovery", listed)
        else:
            letters += await publish(self.publisher, events.values(), now)
        return letters


def _contradictions(
    rows: Mapping[str, LlmRow], kept: _Kept, hub: str, now: Instant
) -> list[DeadLetter]:
    """Return the letters of counts that differ from those that came first, which stand."""
    why = RejectedEvent(Code.ID_CONFLICT, "correlationId: known with other counts")
    return [
        letter_of(hub, Message(rows[request_id].body(), "", 0), now, why)
        for request_id in sorted(kept.known)
        if rows[request_id].counts != row_of(kept.halves[request_id]).counts
    ]


def _sender(body: bytes) -> GatewayRow:
    (row,) = read_log(body).gateway_rows
    return row
