"""AggregateStore: spans of a run, written together or not at all, under the ETag of the run."""

from dataclasses import replace

from metering.bootstrap import Stores
from metering.core.aggregates.span import Span
from metering.core.basics.instants import DAY, HOUR
from metering.ports import SpanChange
from tests.builders import NOW
from tests.core.aggregates.test_span import COUNTER, DELTA, FIRST, delta


def span(number: int = 0, value: int = 5) -> Span:
    grown, _ = Span(DELTA, FIRST + number).with_points([delta(15 * number, 15 * number + 1, value)])
    return grown


async def write(stores: Stores, etag: str | None, *spans: Span, due: int | None = None) -> str:
    changes = [SpanChange(one, DAY, due) for one in spans]
    written = await stores.aggregates.write(DELTA.id, etag, changes, NOW)
    assert written is not None
    return written


async def test_the_last_spans_read_back_oldest_first_with_the_version_of_their_run(
    stores: Stores,
) -> None:
    nothing = await stores.aggregates.latest(DELTA.id, 3)
    assert (list(nothing.spans), nothing.etag) == ([], None)
    etag = await write(stores, None, *map(span, range(4)))
    assert await stores.aggregates.latest(DELTA.id, None) == ([*map(span, range(4))], etag)
    assert await stores.aggregates.latest(DELTA.id, 3) == ([*map(span, range(1, 4))], etag)
    assert (await stores.aggregates.latest(COUNTER.id, 3)).etag is None
    again = await write(stores, etag, span(0, 7))
    assert again != etag
    found = await stores.aggregates.latest(DELTA.id, None)
    assert found == ([span(0, 7), *map(span, range(1, 4))], again)


async def test_of_two_writers_the_second_writes_nothing(stores: Stores) -> None:
    etag = await write(stores, None, span())
    changes = [SpanChange(span(1), DAY)]
    # Begun by somebody else, and changed by somebody else.
    assert await stores.aggregates.write(DELTA.id, None, changes, NOW) is None
    latest = await write(stores, etag, span(0, 6))
    assert await stores.aggregates.write(DELTA.id, etag, changes, NOW) is None
    assert await stores.aggregates.latest(DELTA.id, None) == ([span(0, 6)], latest)


async def test_a_span_is_due_until_it_is_published(stores: Stores) -> None:
    etag = await write(stores, None, span(0), due=NOW)
    etag = await write(stores, etag, span(1), due=NOW + HOUR)
    etag = await write(stores, etag, span(2))
    assert await stores.aggregates.due(NOW - 1, 10) == []
    assert await stores.aggregates.due(NOW, 10) == [span(0)]
    assert len(await stores.aggregates.due(NOW + HOUR, 10)) == 2
    assert len(await stores.aggregates.due(NOW + HOUR, 1)) == 1
    await write(stores, etag, replace(span(0), published=1))
    assert await stores.aggregates.due(NOW + HOUR, 10) == [span(1)]


async def test_a_store_without_a_time_to_live_forgets_what_has_expired(stores: Stores) -> None:
    await write(stores, None, span())
    await stores.aggregates.forget(NOW + DAY)
    assert len((await stores.aggregates.latest(DELTA.id, None)).spans) == 1
    await stores.aggregates.forget(NOW + DAY + 1)
    # Cosmos DB has one, and does nothing here.
    assert len((await stores.aggregates.latest(DELTA.id, None)).spans) in {0, 1}


async def test_spans_of_all_runs_are_found_by_their_time(stores: Stores) -> None:
    etag = await write(stores, None, *map(span, range(3)))
    assert etag
    other = replace(span(1), run=COUNTER)
    changes = [SpanChange(other, DAY)]
    assert await stores.aggregates.write(COUNTER.id, None, changes, NOW) is not None
    found = [one async for one in stores.aggregates.between(FIRST + 1, FIRST + 2)]
    assert sorted(one.run.is_cumulative for one in found) == [False, True]
    assert [one async for one in stores.aggregates.between(FIRST + 3, FIRST + 9)] == []
