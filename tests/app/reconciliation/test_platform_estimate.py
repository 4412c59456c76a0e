"""Aggregates beside the platform's own estimate, by day and model."""

import pytest

from metering.app.hubs.batch import Message
from metering.app.ledger.one_by_one import OneByOne
from metering.core.aggregates.point import Figure, Point
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.basics.money import format_amount
from metering.core.reconciliation.variance import Cell, Variance
from tests.app.aggregates.test_take_points import BEGUN, COUNTER, EXPORTS, SERIES, grown
from tests.builders import body
from tests.systems import System

TODAY = "2026-11-20"
DOLLARS = 10**12


def cost(minute: int, value: float, figure: Figure = Figure.COST) -> Point:
    amount = round(value * DOLLARS) if figure is Figure.COST else round(value)
    return Point(COUNTER, figure, BEGUN, BEGUN + minute * MINUTE, amount)


async def compared(system: System, first: str = TODAY, last: str = TODAY) -> Variance:
    return await system.app.billing.platform_estimate.compare(first, last, OneByOne())


async def test_each_day_and_model_has_ours_at_list_price_and_the_platforms(system: System) -> None:
    for points, estimate in zip(EXPORTS, (0.01, 0.02, 0.04), strict=True):
        minute = (points[0].end - BEGUN) // MINUTE
        await system.app.take_points.take([*points, cost(minute, estimate)])
    unknown = COUNTER._replace(series=SERIES._replace(model="gpt-99"))
    missing = cost(20, 3, Figure.COST_MISSING)._replace(run=unknown)
    await system.app.take_points.take([*grown(20, 70, 5, unknown), missing])
    variance = await compared(system)
    (first, known), (second, other) = variance.sorted()
    assert (first, second) == (Cell(TODAY, "gpt-4o"), Cell(TODAY, "gpt-99"))
    # 9,000 x 2.5 + 800 x 10 per million, against 0.04 by then.
    assert (format_amount(known.ours), format_amount(known.estimate or 0)) == ("0.0305", "0.04")
    assert format_amount(known.difference or 0) == "0.0095"
    assert (known.tokens, known.unpriced_tokens, known.price_missing) == (9800, 0, 0)
    assert (other.tokens, other.unpriced_tokens, other.price_missing) == (75, 75, 3)
    assert (other.ours, other.estimate) == (0, 0)


async def test_only_aggregates_of_these_days_are_compared(system: System) -> None:
    of_october = body(id="o", time="2026-10-20T10:00:00Z")
    await system.ingest.batch([Message(body(), "0", 0), Message(of_october, "0", 1)])
    # The prompt comes alone, and is counted once it is complete; a span has no estimate.
    await system.app.take_points.take(EXPORTS[0][:1])
    await system.app.take_points.take([*EXPORTS[0], cost(20, 0.01)])
    await system.app.take_points.take(grown(50, 1000, 200))
    await system.app.take_points.take(grown(65, 1010, 210))
    other = await compared(system, "2026-11-19", "2026-11-19")
    assert other.sorted() == []
    ((_, line),) = (await compared(system)).sorted()
    # 1,010 x 2.5 + 210 x 10 per million: the request of the gateway's policy is not an aggregate.
    assert format_amount(line.ours) == "0.004625"
    with pytest.raises(ConfigurationError, match="no day between"):
        await compared(system, "2026-11-20", "2026-11-18")


async def test_a_platform_that_exports_no_estimate_has_none_and_not_zero(system: System) -> None:
    await system.app.take_points.take(EXPORTS[0])
    ((_, line),) = (await compared(system)).sorted()
    assert (line.estimate, line.difference) == (None, None)


async def test_estimates_are_there_after_a_month(system: System) -> None:
    await system.app.take_points.take([*EXPORTS[0], cost(20, 0.01)])
    await system.app.take_points.take([*EXPORTS[1], cost(50, 0.02)])
    system.clock.set(BEGUN + 40 * DAY)
    await system.app.publish_aggregates.due()
    ((_, line),) = (await compared(system)).sorted()
    assert format_amount(line.estimate or 0) == "0.02"
