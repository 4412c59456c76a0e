"""What a tenant's period comes to if it goes on as it began."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.app.reports.overview import Overview
from metering.core.basics.instants import HOUR
from metering.core.basics.money import format_amount
from metering.core.plans.plan import read_plan
from tests.app.committing import EDGE, LEDGER, OCTOBER, commit
from tests.builders import body, usage

type System = Any


async def test_the_period_and_its_quotas_are_extended_in_a_straight_line(system: System) -> None:
    cap = {"metric": "requests", "window": "day", "limit": "3", "action": "block"}
    await system.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [cap]}), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.ingest.batch([Message(body(), "0", 0), Message(body(id="r-2"), "0", 1)])
    found = await system.app.forecasts.of("acme")
    # 0.007 in 19.5 of 30 days
    assert format_amount(found.amount.used) == "0.007"
    assert format_amount(found.amount.projected) == "0.010769230769230769"
    (quota,) = found.quotas
    # 2 in 12 of 24 hours: 4 in all, 3 after 18 hours
    assert (quota.trend.used, quota.trend.projected) == (2, 4)
    assert quota.exhausted_at == quota.state.window.start + 18 * 3_600_000_000


async def test_a_tenant_without_usage_goes_nowhere(system: System) -> None:
    await system.tenancy.map_subject("sub-1", "acme", None)
    found = await system.app.forecasts.of("acme")
    assert (found.amount.projected, found.charge, found.quotas) == (0, 0, ())


async def test_a_month_goes_on_as_the_weeks_before_it_from_its_first_instant(
    system: System,
) -> None:
    written = {"metric": "amount", "window": "period", "limit": "2", "forecast": [100]}
    plan = {"id": "foretold", "quotas": [written], "base_fee": "10", "allowance": [{"amount": "1"}]}
    await system.tenancy.define_plan(read_plan("p", plan), None)
    await system.tenancy.assign_plan("acme", "foretold", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    system.clock.set(EDGE - 1)
    hours = [EDGE - hour * HOUR for hour in range(8 * 24, 0, -1)]
    usages = [usage(f"u-{number}", time=at) for number, at in enumerate(hours)]
    await commit(system, *usages, ledger=OCTOBER)

    system.clock.set(EDGE)
    found = await system.app.forecasts.of("acme")
    # One request an hour of 0.0035, 720 hours; no usage yet that tells the charge.
    assert format_amount(found.amount.projected) == "2.52"
    assert found.charge is None
    (quota,) = found.quotas
    # 572 hours are 2.002, and 571 hours and 25,714,285.7 … of the next 2.
    assert quota.exhausted_at == EDGE + -(-4_000 * HOUR // 7)

    system.clock.set(EDGE + HOUR)
    assert (await commit(system, usage("first", time=EDGE))).effects == 1
    head = (await system.store.read_head(LEDGER)).head
    (counter,) = head.counts.used.values()
    assert (counter.crossed, counter.foretold) == (0, 100)
    found = await system.app.forecasts.of("acme")
    assert format_amount(found.amount.projected) == "2.52"
    # 2.52 less the allowance of 1, and the fee of 10.
    assert found.charge is not None
    assert format_amount(found.charge) == "11.52"
    overview = Overview(
        before=system.app.ledgers_before,
        accruals=system.app.accruals,
        ledgers=system.store,
        tenancy=system.tenancy,
        credit=system.credits,
        clock=system.clock,
    )
    (now,) = await overview.of(["acme"])
    assert now.trend == found.amount
    assert (await system.verify.one(LEDGER)).faults == ()
