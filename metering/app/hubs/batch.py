"""Batches of a hub: messages, the tally of their outcomes, and the stop rule."""

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


@dataclass(slots=True, kw_only=True)
class StopRule:
    """Stops batches that are mostly unreadable, each for a bounded time."""

    alerts: Alerts
    _stopped_since: dict[str, Instant] = field(init=False, default_factory=dict)

    def apply(
        self,
        messages: Sequence[Message],
        refused: Sequence[RejectedEvent],
        now: Instant,
        stop_for: Instant,
    ) -> None:
        """Raise StopRuleError for a mostly unreadable batch until `stop_for` microseconds pass."""
        place = f"{messages[0].partition}/{messages[0].sequence}" if messages else ""
        if not is_bad_deploy((why.code for why in refused), len(messages)):
            self._stopped_since.pop(place, None)
            return
        since = self._stopped_since.setdefault(place, now)
        if now - since >= stop_for:
            self.alerts.alert(
                f"{place}: {len(refused)} unreadable events become dead letters", "batch"
            )
            del self._stopped_since[place]
            return
        raise StopRuleError(
            f"{len(refused)} of {len(messages)} events from {place} cannot be read"
            f" (first: {refused[0]}): nothing of this batch was committed"
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
