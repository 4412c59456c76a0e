"""Batches of a hub: messages, the tally of their outcomes, and the stop rule."""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.errors import UNREADABLE, Code, RejectedEvent, StopRuleError
from metering.core.basics.instants import Instant
from metering.core.basics.wording import plural
from metering.core.calendars.dated import FOREVER
from metering.core.hubs.stop_rule import LONGEST_STOP, stopped_sources
from metering.ports import Alerts, DeadLetter

USAGE_HUB: Final = "usage"
LOGS_HUB: Final = "gateway-logs"
#: Sources, and characters of each, that an alert names.
_MAX_SOURCES: Final = 3
_MAX_TOLD: Final = 64
#: Sources remembered as readable: one that is not stopped answers for the deploy.
_MAX_READ: Final = 16


class Message(NamedTuple):
    """One body from a hub, a file or a request, with its origin."""

    body: bytes
    partition: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Tally:
    """The outcomes of a batch by kind. A duplicate is an outcome, not an error."""

    accepted: int = 0
    duplicates: int = 0
    rejected: Mapping[Code, int] = field(default_factory=dict)
    dead_letters: frozenset[str] = field(default=frozenset(), compare=False)
    """Ids of the dead letters made of rejected events."""
    ignored: int = 0
    """Log records without usage."""
    effects: int = field(default=0, compare=False)
    """Outbox messages written with the commit."""

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum of two tallies."""
        rejected = Counter(self.rejected)
        rejected.update(other.rejected)
        return Tally(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            dict(rejected),
            self.dead_letters | other.dead_letters,
            self.ignored + other.ignored,
            self.effects + other.effects,
        )

    def with_dead_letters(self, dead_letters: Sequence[DeadLetter]) -> "Tally":
        """Return the tally with the events that became these dead letters."""
        codes = Counter(Code(letter.code) for letter in dead_letters)
        ids = frozenset(letter.id for letter in dead_letters)
        return self.plus(Tally(rejected=dict(codes), dead_letters=ids))


class _Stop(NamedTuple):
    """A batch that is held."""

    sequence: int
    """The number of its first event."""
    since: Instant


@dataclass(slots=True, kw_only=True)
class StopRule:
    """Holds batches of a source that cannot be read, each for a bounded time.

    A batch is held only if nothing suggests that others could be read: as soon as this process has
    read another source, in this batch or lately, the fault is the source's own. Its unreadable
    events then become dead letters, and no event of another source waits for them.
    """

    alerts: Alerts
    _stops: dict[str, _Stop] = field(init=False, default_factory=dict)
    """By partition."""
    _read: dict[str, Instant] = field(init=False, default_factory=dict)
    """When a source was last read; of the latest few."""

    def apply(
        self,
        messages: Sequence[Message],
        read: Iterable[str],
        refused: Sequence[tuple[str, RejectedEvent]],
        now: Instant,
        stop_for: Instant,
    ) -> None:
        """Raise StopRuleError for an unreadable batch until `stop_for` microseconds pass.

        `read` has the source of each event that was read, `refused` that of every other. FOREVER:
        the batch is from a file, and counts as one source.
        """
        partition = messages[0].partition if messages else ""
        unreadable = Counter(source for source, why in refused if why.code in UNREADABLE)
        readable = Counter(read)
        readable.update(source for source, why in refused if why.code not in UNREADABLE)
        if stop_for == FOREVER:
            # A file: whoever sent it waits for the answer, and nobody else does.
            unreadable = Counter({partition: unreadable.total()})
            readable = Counter({partition: readable.total()})
        stopped = stopped_sources(readable, unreadable)
        self._note(readable.keys() - stopped, now)
        if not stopped:
            self._stops.pop(partition, None)
            return
        number = sum(unreadable.values())
        place = f"{partition}/{messages[0].sequence}"
        stop = self._stops.get(partition)
        if stop is None or stop.sequence != messages[0].sequence:
            stop = self._stops[partition] = _Stop(messages[0].sequence, now)
        if now - stop.since < stop_for and not self._reads_others(stopped, now):
            raise StopRuleError(
                f"{number} of {plural(len(messages), 'event')} from {place} cannot be read"
                f" (first: {refused[0][1]}): nothing of this batch was committed"
            )
        del self._stops[partition]
        names = ", ".join(repr(source[:_MAX_TOLD]) for source in sorted(stopped)[:_MAX_SOURCES])
        self.alerts.alert(
            f"{place}: {plural(number, 'unreadable event')} become dead letters, of"
            f" {plural(len(stopped), 'source')}:"
            f" {names}",
            "batch",
        )

    def _note(self, sources: Iterable[str], now: Instant) -> None:
        for source in sources:
            self._read.pop(source, None)
            self._read[source] = now
        for source in list(self._read)[:-_MAX_READ]:
            del self._read[source]

    def _reads_others(self, stopped: Collection[str], now: Instant) -> bool:
        return any(
            source not in stopped and 0 <= now - at < LONGEST_STOP
            for source, at in self._read.items()
        )


def dead_letter_of(hub: str, message: Message, now: Instant, why: RejectedEvent) -> DeadLetter:
    """Return the dead letter for a rejected message."""
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
