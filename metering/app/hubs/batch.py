"""What every use case behind a hub shares: messages, how they were answered, when to stop."""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.errors import Code, RejectedEvent, StopRuleError
from metering.core.basics.instants import Instant
from metering.core.hubs.stop_rule import is_bad_deploy
from metering.ports import Alerts, DeadLetter

USAGE_HUB: Final = "usage"
LOGS_HUB: Final = "gateway-logs"


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
    ignored: int = 0
    """Records of logs that say nothing about usage."""
    unclaimed: int = field(default=0, compare=False)
    """Counts in logs, new ones, that no stream waited for."""
    effects: int = field(default=0, compare=False)
    """What is to be told outside because of it."""

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum of two tallies."""
        rejected = Counter(self.rejected)
        rejected.update(other.rejected)
        return Tally(
            self.accepted + other.accepted,
            self.duplicates + other.duplicates,
            dict(rejected),
            self.letters | other.letters,
            self.ignored + other.ignored,
            self.unclaimed + other.unclaimed,
            self.effects + other.effects,
        )

    def with_letters(self, letters: Sequence[DeadLetter]) -> "Tally":
        """Return the tally with the events that became these letters."""
        codes = Counter(Code(letter.code) for letter in letters)
        ids = frozenset(letter.id for letter in letters)
        return self.plus(Tally(rejected=dict(codes), letters=ids))


@dataclass(slots=True, kw_only=True)
class StopRule:
    """Holds up batches that are mostly unreadable, each for a bounded time."""

    alerts: Alerts
    _stopped_since: dict[str, Instant] = field(init=False, default_factory=dict)

    def apply(
        self,
        messages: Sequence[Message],
        refused: Sequence[RejectedEvent],
        now: Instant,
        stop_for: Instant,
    ) -> None:
        """Raise StopRuleError for a bad deploy; after `stop_for` microseconds let it through."""
        place = f"{messages[0].partition}/{messages[0].sequence}" if messages else ""
        if not is_bad_deploy((why.code for why in refused), len(messages)):
            self._stopped_since.pop(place, None)
            return
        since = self._stopped_since.setdefault(place, now)
        if now - since >= stop_for:
            self.alerts.alert(f"{place}: {len(refused)} unreadable events go to dead letters")
            del self._stopped_since[place]
            return
        raise StopRuleError(
            f"{len(refused)} of {len(messages)} events from {place} cannot be read"
            f" (first: {refused[0]}): nothing of this batch was committed"
        )


def letter_of(hub: str, message: Message, now: Instant, why: RejectedEvent) -> DeadLetter:
    """Return the dead letter that a message of a hub becomes."""
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
