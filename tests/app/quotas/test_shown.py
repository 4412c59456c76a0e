"""Counters for people: of a quota with thousands of values, those nearest to their limit."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.app.quotas.alerts import TenantAlerts
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.plans.plan import read_plan
from tests.builders import NOW, body

type System = Any

EACH = {"metric": "requests", "window": "period", "limit": "3", "scope": {"end_user": "*"}}


async def on_plan(system: System) -> None:
    plan = read_plan("p", {"id": "p", "quotas": [EACH]})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "p", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def use(system: System, user: str, times: int) -> None:
    bodies = [body(id=f"{user}-{n}", data__end_user=user) for n in range(times)]
    await system.ingest.batch([Message(one, "0", n) for n, one in enumerate(bodies)])


async def test_the_values_nearest_to_their_limit_are_shown(system: System) -> None:
    await on_plan(system)
    for number in range(25):
        await use(system, f"u-{number:02d}", 2 if number == 24 else 1)
    states = [one.state for one in (await system.app.forecasts.of("acme")).quotas]
    assert (states[0].values, states[0].label) == ((), "requests a period of each end user")
    assert (states[1].values, states[1].percent) == (("u-24",), 66)
    assert len(states) == 21


async def test_only_counters_are_told_as_reached(system: System) -> None:
    await on_plan(system)
    await use(system, "ada", 3)
    await use(system, "bob", 2)
    alerts = TenantAlerts(
        before=system.app.ledgers_before,
        accruals=system.app.accruals,
        ledgers=system.store,
        effects=system.effects,
        tenancy=system.tenancy,
        clock=system.clock,
    )
    told = await alerts.of(LedgerId("acme", month_of(NOW).start))
    assert [one.values for one in told.reached] == [("ada",)]
    # A period that is over has nothing reached now.
    past = await alerts.of(LedgerId("acme", month_of(month_of(NOW).start - 1).start))
    assert past.reached == []
