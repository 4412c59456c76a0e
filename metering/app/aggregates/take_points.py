"""Take points of counters: keep what they add up to, then publish it as events."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final, NamedTuple

from metering.app.aggregates.publish_spans import PublishSpans, change_of
from metering.core.aggregates.point import Point, Run
from metering.core.aggregates.span import MAX_INTERVALS, Span
from metering.core.basics.errors import RetryableError
from metering.ports import MAX_SPANS, AggregateStore, Clock, StoredSpans

#: Spans of a run that are read at first: points come in order, nearly always.
_LATEST: Final = 3
#: Spans of a run with points that one write may touch. Each may change the base of another.
_TOGETHER: Final = MAX_SPANS // 2
#: Runs written at once.
_AT_ONCE: Final = 8
#: Races lost in a row on one run before the exporter is asked to send again.
_MAX_RACES: Final = 5

#: Runs of one export: each costs the store a read and two writes.
MAX_RUNS: Final = 500


class Taken(NamedTuple):
    """The outcome of an export."""

    refused: int = 0
    """Points that there was no room for."""
    reasons: tuple[str, ...] = ()


type _Points = Mapping[int, Sequence[Point]]
"""Points of one run by the number of their span."""


@dataclass(slots=True, kw_only=True)
class TakePoints:
    """The use case behind `POST /otlp/v1/metrics`."""

    store: AggregateStore
    publish: PublishSpans
    clock: Clock

    async def take(self, points: Sequence[Point]) -> Taken:
        """Count points; say how many of them there was no room for.

        RetryableError unless all others are known to be counted. Safe to repeat, in any order, and
        for several processes at once.
        """
        by_run: defaultdict[Run, list[Point]] = defaultdict(list)
        for point in points:
            by_run[point.run].append(point)
        runs = list(by_run.items())
        beyond = sum(len(of_run) for _, of_run in runs[MAX_RUNS:])
        full = 0
        for some in batched(runs[:MAX_RUNS], _AT_ONCE, strict=False):
            full += sum(await asyncio.gather(*(self._run(*one) for one in some)))
        reasons = (
            (beyond, f"an export has at most {MAX_RUNS} series: send smaller ones"),
            (full, f"a quarter of an hour has at most {MAX_INTERVALS} intervals of a series"),
        )
        return Taken(beyond + full, tuple(reason for number, reason in reasons if number))

    async def _run(self, run: Run, points: Sequence[Point]) -> int:
        by_span: defaultdict[int, list[Point]] = defaultdict(list)
        for point in points:
            by_span[point.span].append(point)
        refused = 0
        for numbers in batched(sorted(by_span), _TOGETHER, strict=False):
            refused += await self._spans(run, {number: by_span[number] for number in numbers})
        return refused

    async def _spans(self, run: Run, points: _Points) -> int:
        for _ in range(_MAX_RACES):
            stored = await self._stored(run, min(points))
            spans, refused = _added(run, stored.spans, points)
            etag = await self._write(run, stored, spans)
            if etag is not None:
                await self.publish.run(run.id, spans, etag)
                return refused
        raise RetryableError(f"aggregate {run.id}: others write it all the time")

    async def _stored(self, run: Run, first: int) -> StoredSpans:
        """Return the stored spans of a run from the one before `first` on."""
        found = await self.store.latest(run.id, _LATEST)
        if len(found.spans) == _LATEST and found.spans[0].number >= first:
            return await self.store.latest(run.id, None)
        return found

    async def _write(self, run: Run, stored: StoredSpans, spans: Sequence[Span]) -> str | None:
        """Write the spans that have changed; return the run's ETag, None after a lost race.

        The span that was the last one so far need not be kept as long as the one that now is.
        """
        known = {span.number: span for span in stored.spans}
        changed = {span.number: span for span in spans if known.get(span.number) != span}
        if not changed:
            return stored.etag or ""
        last = max(known | changed)
        if known and last not in known:
            before = max(known)
            changed.setdefault(before, known[before])
        now = self.clock.now()
        changes = [change_of(span, now, is_last=number == last) for number, span in changed.items()]
        return await self.store.write(run.id, stored.etag, changes, now)


def _added(run: Run, known: Sequence[Span], points: _Points) -> tuple[list[Span], int]:
    """Return the spans from the first with points on, as they are now; and the refused points."""
    first = min(points)
    by_number = {span.number: span for span in known if span.number >= first}
    before = [span for span in known if span.number < first]
    base = before[-1].last if before and run.is_cumulative else {}
    spans: list[Span] = []
    refused = 0
    for number in sorted(by_number.keys() | points.keys()):
        span = by_number.get(number) or Span(run, number, base=base)
        span, beyond = span.after(base).with_points(points.get(number, ()))
        refused += beyond
        if number not in by_number and span.says_nothing:
            continue
        spans.append(span)
        base = span.last if run.is_cumulative else {}
    return spans, refused
