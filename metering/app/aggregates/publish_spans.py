"""Publish what spans add up to, and note that it is published."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import batched
from typing import Final

from metering.app.hubs.publish import publish
from metering.core.aggregates.span import Span
from metering.core.aggregates.span_event import event_of, has_tokens
from metering.core.basics.instants import DAY, MINUTE, Instant
from metering.core.usage.usage import MAX_AGE
from metering.ports import (
    MAX_SPANS,
    AggregateStore,
    Clock,
    DeadLetterStore,
    SpanChange,
    UsagePublisher,
)

#: A span that nobody has published by then is published by a timer.
DUE_AFTER: Final = 5 * MINUTE
#: The last span of a counter is what it counts on from, however long it stands still.
_LATEST_KEPT: Final = MAX_AGE
#: Others are kept while points for them are taken.
_KEPT: Final = 8 * DAY
#: Those with the platform's estimate of the cost, to be compared with ours after a month.
_ESTIMATES_KEPT: Final = 45 * DAY
#: Spans that one run of the timer looks for; the next run goes on.
_MOST: Final = 1_000


def change_of(span: Span, now: Instant, *, is_last: bool) -> SpanChange:
    """Return how a span is stored; `is_last`: of its run."""
    keep_for = _ESTIMATES_KEPT if span.has_estimate else _KEPT
    if is_last and span.run.is_cumulative:
        keep_for = _LATEST_KEPT
    return SpanChange(span, keep_for, None if span.is_published else now + DUE_AFTER)


@dataclass(slots=True, kw_only=True)
class PublishSpans:
    """The step after every write, and the use case behind the timer `expire_pending`."""

    store: AggregateStore
    publisher: UsagePublisher
    dead_letters: DeadLetterStore
    clock: Clock

    async def run(self, run: str, spans: Sequence[Span], etag: str | None) -> None:
        """Publish those of a run's last spans that are not, then note it.

        RetryableError unless all are known to be published. A crash before the note, or a race for
        it, publishes them again: consumers know the revision already. The platform's estimate of a
        cost alone is no usage, and is noted without an event.
        """
        waiting = [span for span in spans if not span.is_published]
        told = [event_of(span) for span in waiting if has_tokens(span.usage)]
        now = self.clock.now()
        await self.dead_letters.put(await publish(self.publisher, told, now))
        for some in batched(waiting, MAX_SPANS, strict=False):
            changes = [
                change_of(replace(span, published=span.revision), now, is_last=span is spans[-1])
                for span in some
            ]
            etag = await self.store.write(run, etag, changes, now)
            if etag is None:
                return

    async def due(self) -> int:
        """Publish the spans that are due; return their number."""
        now = self.clock.now()
        await self.store.forget(now)
        found = await self.store.due(now, _MOST)
        for run in {span.run.id for span in found}:
            stored = await self.store.latest(run, None)
            await self.run(run, stored.spans, stored.etag)
        return len(found)
