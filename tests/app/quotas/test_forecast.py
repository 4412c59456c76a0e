"""What a tenant's period comes to if it goes on as it began."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.core.basics.money import format_amount
from metering.core.plans.plan import read_plan
from tests.builders import body

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
    assert (found.amount.projected, found.quotas) == (0, ())
