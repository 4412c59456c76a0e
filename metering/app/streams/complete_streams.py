"""Publish the complete events of streams whose log rows were found."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from metering.app.hubs.batch import LOGS_HUB, Message, dead_letter_of
from metering.app.hubs.publish import publish
from metering.app.streams.register import LOGGED, Register
from metering.core.basics.errors import Code, RejectedEvent
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import slot_of
from metering.core.streams.filing import WAITING
from metering.core.streams.id_index import digest_of
from metering.core.streams.joining import complete
from metering.core.streams.log_rows import LlmRow
from metering.core.streams.sheets import Stream
from metering.ports import Clock, DeadLetter, UsagePublisher

type Joined = tuple[Stream, LlmRow]
"""A stream and its log row."""

#: Streams that a process remembers to have completed, so that a repeated row publishes nothing.
_REMEMBERED: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CompleteStreams:
    """The step that `ingest_usage`, `join_usage` and the timer `expire_pending` share."""

    register: Register
    publisher: UsagePublisher
    clock: Clock
    _done: OrderedDict[str, tuple[int | None, ...]] = field(init=False, default_factory=OrderedDict)

    def counts_of(self, request_id: str) -> tuple[int | None, ...] | None:
        """Return the counts with which this process completed a stream; None: it did not."""
        return self._done.get(request_id)

    async def complete(self, joined: Iterable[Joined]) -> list[DeadLetter]:
        """Publish complete events; return dead letters for rejected rows, to be stored.

        RetryableError unless all of them are known to be published. Safe to repeat, and for several
        processes at once: of one request's complete events all but one are duplicates.
        """
        now = self.clock.now()
        events: dict[str, bytes] = {}
        counts: dict[str, tuple[int | None, ...]] = {}
        dead_letters: list[DeadLetter] = []
        for stream, row in joined:
            if row.request_id in self._done:
                continue
            try:
                events[row.request_id] = complete(stream, row)
            except RejectedEvent as why:
                dead_letters.append(dead_letter_of(LOGS_HUB, Message(row.body(), "", 0), now, why))
                continue
            counts[row.request_id] = row.counts
        dead_letters += await publish(self.publisher, events.values(), now)
        self._done.update(counts)
        while len(self._done) > _REMEMBERED:
            self._done.popitem(last=False)
        return dead_letters

    async def complete_reported(self, streams: Iterable[Stream]) -> list[DeadLetter]:
        """Publish those of the streams whose log rows were there first; dead letters as above.

        Call it after the streams are filed: of report and log row, whichever is filed second is
        filed by somebody who then looks for the other.
        """
        by_digest = {digest_of(stream.request_id): stream for stream in streams}
        if not by_digest:
            return []
        wanted = {digest: slot_of(stream.time) for digest, stream in by_digest.items()}
        found = await self.register.look(WAITING, wanted, LOGGED, again=True)
        return await self.complete(
            [
                (by_digest[digest], row)
                for (_, digest), row in found.items()
                if isinstance(row, LlmRow)
            ]
        )


def contradiction(hub: str, row: LlmRow, now: Instant) -> DeadLetter:
    """Return the dead letter for counts that differ from the first ones, which stand."""
    why = RejectedEvent(Code.ID_CONFLICT, "correlationId: already known with different counts")
    return dead_letter_of(hub, Message(row.body(), "", 0), now, why)
