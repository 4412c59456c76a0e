"""A ledger takes over the past of the ledger before, over periods without usage too."""

from metering.core.basics.instants import DAY, HOUR
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.past import LEAST_STREAMS
from metering.core.plans.plan import read_plan
from metering.core.usage.buckets import from_names
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.app.committing import EDGE, LEDGER, OCTOBER, System, commit
from tests.builders import AT, usage

#: The median of eight streams of 40 tokens: see tests/core/ledger/test_past.py.
LEARNT = {"input": 100, "output": 48}


def stream(name: str, time: int) -> Usage:
    buckets = from_names({"input": 100})
    return usage(name, evidence=Evidence.HELD, digest="held", time=time, buckets=buckets)


async def settle(system: System, ledger: LedgerId, time: int) -> None:
    names = [f"s-{n}" for n in range(LEAST_STREAMS)]
    await commit(system, *(stream(name, time) for name in names), ledger=ledger)
    counts = from_names({"input": 100, "output": 40})
    found = (usage(name, evidence=Evidence.TOTALS, time=time, buckets=counts) for name in names)
    await commit(system, *found, ledger=ledger)


async def held(system: System, ledger: LedgerId, time: int) -> dict[str, int]:
    await commit(system, stream("later", time), ledger=ledger)
    stored = await system.store.read_head(ledger)
    (holds,) = stored.head.holds.values()
    assert (await system.verify.one(ledger)).faults == ()
    return {"input": 100, "output": holds.tokens - 100}


async def test_a_month_begins_with_what_streams_used_in_the_month_before(system: System) -> None:
    await settle(system, OCTOBER, EDGE - DAY)
    assert await held(system, LEDGER, AT) == LEARNT


async def test_a_tenant_billed_by_the_day_keeps_its_past_over_a_quiet_week(system: System) -> None:
    await system.tenancy.set_calendar("acme", Calendar(cycle="daily"), None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    day = AT - AT % DAY
    await settle(system, LedgerId("acme", day - 7 * DAY), AT - 7 * DAY)
    assert await held(system, LedgerId("acme", day), AT) == LEARNT


async def test_a_tenant_billed_by_the_day_that_was_away_for_36_days_begins_anew(
    system: System,
) -> None:
    await system.tenancy.set_calendar("acme", Calendar(cycle="daily"), None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    day = AT - AT % DAY
    await settle(system, LedgerId("acme", day - 36 * DAY), AT - 36 * DAY)
    assert await held(system, LedgerId("acme", day), AT) == {"input": 100, "output": 500}


async def test_a_month_takes_the_hours_of_the_month_before_for_its_spikes(system: System) -> None:
    plan = read_plan("p", {"id": "watched", "spike": {"least": "0.001"}})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "watched", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    system.clock.set(EDGE - 1)
    hours = [EDGE - hour * HOUR for hour in range(9 * 24, 0, -1)]
    usages = [usage(f"u-{number}", time=at) for number, at in enumerate(hours)]
    await commit(system, *usages, ledger=OCTOBER)
    before = (await system.store.read_head(OCTOBER)).head.counts.hours
    assert len(before.amounts) == 9 * 24

    system.clock.set(EDGE + HOUR)
    much = from_names({"input": 1_000_000})
    await commit(system, usage("much", time=EDGE, buckets=much))
    found = (await system.store.read_head(LEDGER)).head.counts.hours
    assert found.amounts[:-1] == before.amounts
    assert found.told == EDGE
    assert (await system.verify.one(LEDGER)).faults == ()
