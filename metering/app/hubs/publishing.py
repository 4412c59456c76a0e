"""Publish many events at a steady rate, with retries and a record of progress."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.core.basics.errors import Code, RejectedEvent, RetryableError
from metering.core.usage.event import MAX_BODY_BYTES
from metering.ports import Outgoing, UsagePublisher

#: Events of one call: enough for full batches, few enough to resend cheaply.
MAX_TOGETHER: Final = 500
#: Bodies of one call, in bytes, so that memory stays bounded whatever the bodies are.
MAX_TOGETHER_BYTES: Final = 4 * MAX_BODY_BYTES
#: Waits between attempts, in seconds; after the last one the run fails. A throttled namespace
#: recovers within a second, a failover takes about half a minute.
PAUSES_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
#: The interval between calls when a rate is set, in seconds.
_TICK_S: Final = 0.1


class Sent(NamedTuple):
    """The progress of a run."""

    events: int = 0
    bytes: int = 0
    """The size of their bodies."""
    failures: int = 0
    """Failed attempts, those that were retried included."""
    rejected: int = 0
    """Events the hub can never accept, which were skipped."""

    @property
    def handled(self) -> int:
        """Events that need no further attempt."""
        return self.events + self.rejected


class Rejected(NamedTuple):
    """An event the hub can never accept; `position` counts from 0 over the run."""

    position: int
    code: Code
    reason: str


@dataclass(slots=True, kw_only=True)
class Publishing:
    """One run of events to one hub. `sent` is accurate at any time, after an error too."""

    publisher: UsagePublisher
    per_second: float | None = None
    pauses_s: Sequence[float] = PAUSES_S
    on_progress: Callable[[Sent], None] = lambda _: None
    sent: Sent = field(init=False, default_factory=Sent)
    rejected: list[Rejected] = field(init=False, default_factory=list)
    _next_at: float = field(init=False, default=0.0)

    async def run(self, events: Iterable[Outgoing]) -> Sent:
        """Publish events in order and return the progress.

        RetryableError after the last attempt: the events in `sent` are in the hub, and some of the
        next ones may be. Raises the publisher's ConfigurationError.
        """
        source = iter(events)
        while together := self._next(source):
            await self._keep_pace(len(together))
            await self._publish(together)
        return self.sent

    def _next(self, source: Iterator[Outgoing]) -> list[Outgoing]:
        """Return the events of the next call; an empty list at the end."""
        most = MAX_TOGETHER
        if self.per_second is not None:
            most = max(1, min(most, int(self.per_second * _TICK_S)))
        together: list[Outgoing] = []
        size = 0
        while len(together) < most and size < MAX_TOGETHER_BYTES:
            event = next(source, None)
            if event is None:
                break
            together.append(event)
            size += len(event[0])
        return together

    async def _keep_pace(self, events: int) -> None:
        """Wait for this call's turn. Lost time is not made up by a burst."""
        if self.per_second is None:
            return
        now = asyncio.get_running_loop().time()
        await asyncio.sleep(max(0.0, self._next_at - now))
        self._next_at = max(now, self._next_at) + events / self.per_second

    async def _publish(self, together: Sequence[Outgoing]) -> None:
        try:
            await self._attempt(together)
        except RejectedEvent as error:
            if len(together) > 1:
                # None was published; publish each alone to find the rejected one.
                for event in together:
                    await self._publish([event])
                return
            self.rejected.append(Rejected(self.sent.handled, error.code, error.reason))
            self._note(Sent(rejected=1))
        else:
            self._note(Sent(len(together), sum(len(body) for body, _ in together)))

    async def _attempt(self, together: Sequence[Outgoing]) -> None:
        if any(len(body) > MAX_BODY_BYTES for body, _ in together):
            raise RejectedEvent(Code.TOO_LARGE, f"a body over {MAX_BODY_BYTES} bytes")
        for pause_s in self.pauses_s:
            try:
                return await self.publisher.publish(together)
            except RetryableError:
                self._note(Sent(failures=1))
                await asyncio.sleep(pause_s)
        try:
            return await self.publisher.publish(together)
        except RetryableError:
            self._note(Sent(failures=1))
            raise

    def _note(self, more: Sent) -> None:
        self.sent = Sent(*(have + new for have, new in zip(self.sent, more, strict=True)))
        self.on_progress(self.sent)
