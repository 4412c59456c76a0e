"""Take events from producers other than the gateway: each is checked, then published."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.hubs.publish import publish
from metering.core.basics.errors import RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.usage.usage_reader import UsageReader
from metering.ports import Clock, UsagePublisher

#: Events of one request: a batch that a function takes at once.
MAX_EVENTS: Final = 1_000


class Answer(NamedTuple):
    """How one event was answered."""

    code: str | None = None
    """Why it can never be accepted; None: it is published, and so is one that was before."""
    reason: str | None = None


ACCEPTED: Final = Answer()


@dataclass(slots=True, kw_only=True)
class TakeEvents:
    """The use case behind `POST /api/events`."""

    publisher: UsagePublisher
    clock: Clock
    _reader: UsageReader = field(init=False, default_factory=UsageReader)

    async def batch(self, bodies: Sequence[bytes]) -> list[Answer]:
        """Publish what is an event, and answer for each body in order.

        RetryableError when not all are known to be published: the same call may be made again,
        since an event is known by its id. Whose subject nobody pays for is accepted: it waits
        among the dead letters for somebody to.
        """
        now = self.clock.now()
        answers = [self._read(body, now) for body in bodies]
        taken = [n for n, answer in enumerate(answers) if answer.code is None]
        refused = await publish(self.publisher, (bodies[n] for n in taken), now)
        too_large = {letter.body: Answer(letter.code, letter.reason) for letter in refused}
        for n in taken:
            answers[n] = too_large.get(bodies[n], ACCEPTED)
        return answers

    def _read(self, body: bytes, now: Instant) -> Answer:
        try:
            self._reader.read(body, now)
        except RejectedEvent as why:
            return Answer(why.code, why.reason)
        return ACCEPTED
