"""Points of counters in the ledger: any order, repeats, races and crashes give one bill."""

import random
from collections.abc import Callable, Sequence

import pytest

from metering.app.aggregates.publish_spans import DUE_AFTER
from metering.app.aggregates.take_points import MAX_RUNS, Taken, TakePoints
from metering.bootstrap.counting import Counting
from metering.core.aggregates.point import Figure, Point, Run, Series
from metering.core.aggregates.span import MAX_INTERVALS
from metering.core.basics.errors import RetryableError
from metering.core.basics.instants import DAY, HOUR, MINUTE, parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.entry import Basis
from metering.core.plans.plan import Plan
from tests.builders import NOW
from tests.faulty_writes import FaultyWrites
from tests.systems import System

#: NOW is noon; the counters began three hours before.
BEGUN = NOW - 3 * HOUR
SERIES = Series("gateway", "sub-1", "fast", "gpt-4o-2024-11-20", "chat", None, "")
COUNTER = Run(SERIES, is_cumulative=True)
DELTA = Run(SERIES, is_cumulative=False)
P, C, T = Figure.PROMPT, Figure.COMPLETION, Figure.TOTAL


def grown(minute: int, prompt: int, completion: int, run: Run = COUNTER) -> list[Point]:
    end = BEGUN + minute * MINUTE
    values = {P: prompt, C: completion, T: prompt + completion}
    return [Point(run, figure, BEGUN, end, value) for figure, value in values.items()]


def added(minute: int, prompt: int, completion: int) -> list[Point]:
    return [
        one._replace(run=DELTA, start=one.end - MINUTE) for one in grown(minute, prompt, completion)
    ]


#: 1,000 and 200 tokens by 09:20, 3,000 and 500 by 09:50, 9,000 and 800 by 10:35.
EXPORTS = [grown(20, 1000, 200), grown(50, 3000, 500), grown(95, 9000, 800)]


async def bill(system: System) -> tuple[str, int]:
    """Return the amount and the number of entries; every ledger holds."""
    balance = await system.read.balance("sub-1", month_of(NOW))
    assert (await system.verify.one(LedgerId("sub-1", month_of(NOW).start))).faults == ()
    return format_amount(balance.amount), balance.total.requests


async def test_a_counters_growth_is_priced_by_the_model_that_served(system: System) -> None:
    for points in EXPORTS:
        assert await system.app.take_points.take(points) == Taken()
    # 9,000 x 2.5 + 800 x 10 per million; a span each for 09:15, 09:45 and 10:30.
    assert await bill(system) == ("0.0305", 3)
    balance = await system.read.balance("sub-1", month_of(NOW))
    assert balance.total.by_basis[Basis.AGGREGATE] == 3
    assert balance.total.tokens[0] == 9000


async def test_deltas_are_summed_once_however_often_they_are_sent(system: System) -> None:
    for _ in range(2):
        for minute, prompt in ((1, 100), (2, 50), (31, 7)):
            await system.app.take_points.take(added(minute, prompt, 1))
    # 157 x 2.5 + 3 x 10 per million.
    assert await bill(system) == ("0.0004225", 2)
    assert len(system.publisher.events) == 3


@pytest.mark.parametrize("seed", range(4))
async def test_any_order_and_repetition_gives_the_same_bill(system: System, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311, an order
    points = [one for export in EXPORTS for one in export]
    sent = points + chance.choices(points, k=9)
    chance.shuffle(sent)
    while sent:
        size = chance.randint(1, 4)
        await system.app.take_points.take(sent[:size])
        sent = sent[size:]
    assert await bill(system) == ("0.0305", 3)


async def test_a_point_that_was_late_moves_usage_to_where_it_belongs(system: System) -> None:
    await system.app.take_points.take(EXPORTS[0])
    await system.app.take_points.take(EXPORTS[2])
    assert await bill(system) == ("0.0305", 2)
    await system.app.take_points.take(EXPORTS[1])
    assert await bill(system) == ("0.0305", 3)
    # The span after the late one was published again, with what is left of it.
    assert len(system.publisher.events) == 4


async def test_figures_that_come_apart_are_missing_until_they_are_complete(system: System) -> None:
    prompt, completion, _ = EXPORTS[0]
    await system.app.take_points.take([prompt])
    balance = await system.read.balance("sub-1", month_of(NOW))
    assert (balance.total.missing, balance.amount) == (1, 0)
    await system.app.take_points.take([completion])
    # 1,000 x 2.5 + 200 x 10 per million.
    assert await bill(system) == ("0.0045", 1)


def crash() -> None:
    raise RetryableError("the process ends here")


def faults(system: System, store: FaultyWrites) -> list[Callable[[], None]]:
    """Return what sets a crash before or after each of the steps of taking an export."""
    return [
        lambda: store.before.append(crash),
        lambda: store.after.append(crash),
        lambda: system.publisher.faults.append(RetryableError("no hub")),
        lambda: store.before.extend([lambda: None, crash]),
        lambda: store.after.extend([lambda: None, crash]),
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("step", range(5))
async def test_after_a_crash_at_any_step_the_export_that_is_sent_again_counts_once(
    system: System, step: int, order: Sequence[int]
) -> None:
    store = FaultyWrites(system.app.stores.aggregates)
    system.app.stores = system.app.stores._replace(aggregates=store)
    for number in order:
        faults(system, store)[step]()
        with pytest.raises(RetryableError):
            await system.app.take_points.take(EXPORTS[number])
        store.before.clear()
        store.after.clear()
        await system.app.take_points.take(EXPORTS[number])
    assert await bill(system) == ("0.0305", 3)


async def test_a_timer_publishes_what_nobody_sends_again(system: System) -> None:
    system.publisher.faults.append(RetryableError("no hub"))
    with pytest.raises(RetryableError):
        await system.app.take_points.take(EXPORTS[0])
    assert await system.app.publish_aggregates.due() == 0
    system.clock.set(NOW + DUE_AFTER)
    assert await system.app.publish_aggregates.due() == 1
    assert await bill(system) == ("0.0045", 1)
    assert await system.app.publish_aggregates.due() == 0


async def test_two_processes_take_turns_at_one_counter(system: System) -> None:
    other = Counting(system.app).take_points
    store = FaultyWrites(system.app.stores.aggregates)
    system.app.stores = system.app.stores._replace(aggregates=store)

    async def overtake() -> None:
        await other.take(EXPORTS[1])

    store.before.append(overtake)
    await system.app.take_points.take(EXPORTS[0])
    await system.app.take_points.take(EXPORTS[2])
    assert await bill(system) == ("0.0305", 3)


async def test_a_note_that_loses_a_race_is_made_by_the_timer(system: System) -> None:
    other = Counting(system.app).take_points
    store = FaultyWrites(system.app.stores.aggregates)
    system.app.stores = system.app.stores._replace(aggregates=store)
    store.before.extend([lambda: None, lambda: other.take(EXPORTS[1])])
    await system.app.take_points.take(EXPORTS[0])
    assert len(await store.due(NOW + DUE_AFTER, 10)) == 1
    system.clock.set(NOW + DUE_AFTER)
    assert await system.app.publish_aggregates.due() == 1
    assert await store.due(NOW + DAY, 10) == []


async def test_a_point_from_long_before_finds_its_span_among_many(system: System) -> None:
    for minute in (20, 50, 65, 80, 95):
        await system.app.take_points.take(grown(minute, 100 * minute, minute))
    assert await bill(system) == ("0.0247", 5)
    await system.app.take_points.take(grown(35, 3500, 35))
    # 9,500 x 2.5 + 95 x 10 per million, as before, in one span more.
    assert await bill(system) == ("0.0247", 6)


async def test_an_exporter_that_always_loses_is_asked_to_send_again(system: System) -> None:
    class Busy(FaultyWrites):
        async def write(self, *_: object) -> None:
            return None

    store = Busy(system.app.stores.aggregates)
    taking = TakePoints(store=store, publish=system.app.publish_aggregates, clock=system.clock)
    with pytest.raises(RetryableError, match="others write it"):
        await taking.take(EXPORTS[0])


async def test_a_counter_is_counted_on_from_however_long_it_stood_still(system: System) -> None:
    await system.app.take_points.take(EXPORTS[0])
    assert await system.app.publish_aggregates.due() == 0
    await system.app.take_points.take(grown(170, 1000, 200))
    system.clock.set(NOW + 40 * DAY)
    assert await system.app.publish_aggregates.due() == 0
    much_later = [one._replace(end=NOW + 40 * DAY) for one in grown(20, 1010, 210)]
    await system.app.take_points.take(much_later)
    later = await system.read.balance("sub-1", month_of(NOW + 40 * DAY))
    # 10 x 2.5 + 10 x 10 per million, in December: no more than it grew by.
    assert format_amount(later.amount) == "0.000125"


async def test_many_spans_at_once_are_written_in_pieces(system: System) -> None:
    exports = [grown(15 * n, 10 * n, n) for n in range(1, 121)]
    started = NOW - 40 * HOUR
    points = [
        one._replace(start=started, end=started + (one.end - BEGUN))
        for export in exports
        for one in export
    ]
    await system.app.take_points.take(points)
    # 1,200 x 2.5 + 120 x 10 per million.
    assert await bill(system) == ("0.0042", 120)
    late = [one for one in points if one.end == started + 15 * MINUTE]
    await system.app.take_points.take(late)
    assert await bill(system) == ("0.0042", 120)


async def test_points_beyond_the_room_of_a_span_are_refused_and_the_rest_counts(
    system: System,
) -> None:
    begun = parse_instant("2026-11-20T09:00:00Z")
    points = [
        Point(DELTA, figure, begun + n, begun + n + 1, 1)
        for n in range(MAX_INTERVALS + 5)
        for figure in (P, C)
    ]
    taken = await system.app.take_points.take(points)
    assert taken == Taken(10, ("a quarter of an hour has at most 2000 intervals of a series",))
    # 2,000 x 2.5 + 2,000 x 10 per million.
    assert await bill(system) == ("0.025", 1)


async def test_series_beyond_those_of_one_export_are_refused_and_the_others_count(
    system: System,
) -> None:
    runs = [DELTA._replace(series=SERIES._replace(rest=str(n))) for n in range(MAX_RUNS + 2)]
    points = [one._replace(run=run) for run in runs for one in added(20, 1, 0)]
    taken = await system.app.take_points.take(points)
    assert taken == Taken(6, ("an export has at most 500 series: send smaller ones",))
    # 500 x 2.5 per million.
    assert await bill(system) == ("0.00125", 500)


async def test_the_platforms_estimate_alone_makes_no_event(system: System) -> None:
    cost = Point(COUNTER, Figure.COST, BEGUN, BEGUN + MINUTE, 5)
    await system.app.take_points.take([cost])
    assert system.publisher.events == []
    system.clock.set(NOW + DUE_AFTER)
    assert await system.app.publish_aggregates.due() == 0


async def test_a_quota_on_tokens_stops_the_key_once_its_counters_reach_it(system: System) -> None:
    quota = {"metric": "tokens", "window": "day", "limit": "1200", "action": "block"}
    plan = Plan.model_validate({"id": "tight", "quotas": [quota]})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.tenancy.assign_plan("acme", "tight", None)
    system.clock.set(NOW + HOUR)
    await system.app.take_points.take(grown(200, 500, 100))
    assert (await system.admission().of("sub-1")).overall.verdict == "allow"
    await system.app.take_points.take(grown(230, 1000, 200))
    assert (await system.admission().of("sub-1")).overall.verdict == "block"
