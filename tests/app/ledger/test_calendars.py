"""A tenant's own calendar from the events to the proof: ledgers, quotas, credit, terms."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.ledger.committer import Committed
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, SECOND, Instant, format_instant, parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import LedgerId
from metering.core.plans.plan import Plan, read_plan
from metering.core.tenancy.grant_records import GrantOffer
from metering.core.tenancy.tenants_file import TenantsFile, read_tenants_file
from tests.app.committing import commit
from tests.builders import AT, NOW, body, usage

type System = Any

WEEKS = Calendar(cycle="weekly", time_zone="Europe/Berlin")
#: NOW is Friday, 2026-11-20; its week in Berlin begins and ends at 23:00 UTC.
MONDAY = parse_instant("2026-11-15T23:00:00Z")
NEXT_MONDAY = MONDAY + 7 * DAY
DECEMBER = parse_instant("2026-12-01T00:00:00Z")


def file(**content: Any) -> TenantsFile:
    return read_tenants_file("t.yaml", content)


async def ingest(system: System, *events: tuple[str, Instant]) -> list[int]:
    bodies = [body(id=name, time=format_instant(at)) for name, at in events]
    answer = await system.ingest.batch([Message(b, "0", n) for n, b in enumerate(bodies)])
    return [answer.accepted, answer.duplicates]


async def weekly(system: System) -> None:
    await system.tenancy.set_calendar("acme", WEEKS, None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def ledgers(system: System, tenant: str = "acme") -> list[str]:
    found = await system.verify.ledgers(tenant)
    for ledger in found:
        assert (await system.verify.one(ledger)).faults == ()
    return [str(ledger).partition("|")[2] for ledger in found]


async def test_usage_of_a_weekly_tenant_is_in_the_ledger_of_its_week_and_proven(
    system: System,
) -> None:
    await weekly(system)
    edge = [("before", MONDAY - 1), ("first", MONDAY), ("later", AT)]
    assert await ingest(system, *edge) == [3, 0]
    assert await ledgers(system) == ["2026-11-08T23:00:00Z", "2026-11-15T23:00:00Z"]
    period = await system.read.latest_period("acme")
    assert (period, period.name) == (await system.read.present_period("acme"), "2026-11-16")
    assert format_amount((await system.read.balance("acme", period)).amount) == "0.007"
    # Again, in another process and much later: each is found where it was.
    assert await ingest(system, *reversed(edge)) == [0, 3]


async def test_an_id_that_returns_over_the_edge_of_a_week_is_known_there(system: System) -> None:
    await weekly(system)
    last, this = LedgerId("acme", MONDAY - 7 * DAY), LedgerId("acme", MONDAY)
    await commit(system, usage(time=MONDAY - 1), ledger=last)
    assert await commit(system, usage(time=MONDAY), ledger=this) == Committed(duplicates=1)
    await commit(system, usage("b", time=MONDAY), ledger=this)
    assert await commit(system, usage("b", time=MONDAY - 1), ledger=last) == Committed(duplicates=1)


async def test_an_event_stays_in_its_ledger_when_the_calendar_changes(
    system: System, make_system: Callable[..., System]
) -> None:
    await system.tenancy.map_subject("sub-1", "acme", None)
    last = ("last", NOW + 4 * 60 * SECOND)
    assert await ingest(system, ("a", AT), last) == [2, 0]
    begins = await system.tenancy.set_calendar("acme", WEEKS, None)
    assert begins == DECEMBER
    system.clock.set(DECEMBER + DAY)
    events = [("november", DECEMBER - 1), ("rest of the week", DECEMBER), ("b", DECEMBER + HOUR)]
    other = make_system()
    other.clock.set(DECEMBER + 8 * DAY)
    assert await ingest(system, *events, ("a", AT), last) == [3, 2]
    assert await ingest(other, *events, ("a", AT), last, ("c", DECEMBER + 6 * DAY)) == [1, 5]
    assert await ledgers(other) == [
        *("2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026-12-06T23:00:00Z")
    ]


async def test_a_calendar_is_recorded_once_and_from_the_next_start_that_may_still_change(
    system: System,
) -> None:
    await system.tenancy.map_subject("sub-1", "acme", None)
    assert await system.tenancy.set_calendar("acme", WEEKS, None) == DECEMBER
    assert await system.tenancy.set_calendar("acme", WEEKS, None) == DECEMBER
    records = await system.registry.read_records(0)
    assert [record.kind for record in records] == ["subject", "calendar"]
    # Five minutes before a period there is still time, a microsecond later there is none.
    daily = Calendar(cycle="daily")
    week = parse_instant("2026-12-06T23:00:00Z")
    system.clock.set(week - 300 * SECOND + 1)
    assert await system.tenancy.set_calendar("acme", daily, None) == week + 7 * DAY
    system.clock.set(week - 300 * SECOND)
    assert await system.tenancy.set_calendar("acme", daily, None) == week
    with pytest.raises(ConfigurationError, match="only at the start of a period"):
        await system.tenancy.set_calendar("acme", WEEKS, week + 2 * HOUR)


async def test_a_tenants_file_gives_new_tenants_their_calendar_from_the_beginning(
    system: System, make_system: Callable[..., System]
) -> None:
    entry = {"id": "acme", "subscriptions": ["sub-1"]}
    content = file(
        tenants=[{**entry, "calendar": WEEKS.model_dump()}, {"id": "plain"}],
    )
    await system.tenancy.take_over(content)
    await system.tenancy.take_over(content)
    records = await system.registry.read_records(0)
    assert [record.kind for record in records if record.key != "plain"] == [
        *("calendar", "tenant_plan", "subject")
    ]
    assert system.tenancy.directory.period_at("acme", AT).start == MONDAY
    # What the file says otherwise later is a change, unless it is only there for what is new.
    daily = file(tenants=[{**entry, "calendar": {"cycle": "daily"}}])
    await system.tenancy.take_over(daily, changes=False)
    other = make_system()
    await other.tenancy.take_over(daily)
    assert other.tenancy.directory.calendar_of("acme", AT)[2] == NEXT_MONDAY
    assert len(await system.registry.read_records(0)) == len(records) + 1


async def test_a_take_over_that_was_cut_off_after_the_calendar_is_completed(
    system: System,
) -> None:
    await system.tenancy.define_plan(Plan(id="plus"), None)
    await system.tenancy.set_calendar("acme", WEEKS, None)
    entry = {"id": "acme", "plan": "plus", "calendar": WEEKS.model_dump()}
    await system.tenancy.take_over(file(tenants=[entry]), changes=False)
    assert system.tenancy.directory.plan_of("acme", 0)[0].id == "plus"


CAPPED = {
    "id": "capped",
    "quotas": [
        {"metric": "requests", "window": "period", "limit": "2", "action": "block"},
        {"metric": "requests", "window": "day", "limit": "9"},
    ],
}


async def test_a_quota_of_the_period_is_one_of_the_tenants_own_month(system: System) -> None:
    await system.tenancy.define_plan(read_plan("p", CAPPED), None)
    await system.tenancy.set_calendar("acme", Calendar(anchor=20, time_zone="Asia/Kolkata"), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    # The 20th begins at 18:30 UTC of the 19th: what came before it is in another window.
    start = parse_instant("2026-11-19T18:30:00Z")
    await ingest(system, ("a", start - 1), ("b", start - 2), ("c", start), ("d", AT))
    assert await ledgers(system) == ["2026-10-19T18:30:00Z", "2026-11-19T18:30:00Z"]
    found = (await system.admission().of("sub-1")).overall
    assert (found.verdict, found.detail) == ("block", "requests a period: 2 of 2 used")
    assert found.resets_at == parse_instant("2026-12-19T18:30:00Z")
    assert await system.enforce.run() == 0
    head = (await system.store.read_head((await system.verify.ledgers("acme"))[1])).head
    assert head.counts.limits.end == found.resets_at
    assert {counter.end for counter in head.counts.used.values()} == {
        found.resets_at,
        parse_instant("2026-11-20T00:00:00Z"),
        parse_instant("2026-11-21T00:00:00Z"),
    }


async def test_a_quota_that_comes_late_is_counted_over_the_tenants_own_week(
    system: System,
) -> None:
    await system.tenancy.define_plan(read_plan("p", {"id": "capped"}), None)
    await system.tenancy.set_calendar("acme", WEEKS, None)
    await system.tenancy.assign_plan("acme", "capped", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    await ingest(system, ("a", MONDAY - 1), ("b", MONDAY), ("c", AT))
    await system.tenancy.define_plan(read_plan("p", CAPPED), None)
    system.clock.set(NOW + 300 * SECOND)
    assert await system.enforce.run() == 1
    assert await system.enforce.run() == 0
    assert (await system.admission().of("sub-1")).overall.resets_at == NEXT_MONDAY
    assert await ledgers(system)


async def test_a_grant_begins_with_the_tenants_present_period_and_no_earlier(
    system: System,
) -> None:
    await weekly(system)
    grant, _ = await system.tenancy.add_grant(GrantOffer("acme", "1"))
    assert grant.start == MONDAY
    with pytest.raises(ConfigurationError, match="is before 2026-11-15T23:00:00Z: no grant pays"):
        await system.tenancy.add_grant(GrantOffer("acme", "1", start=MONDAY - 1))
    await ingest(system, ("last week", MONDAY - 1), ("this week", MONDAY))
    # Last week's ledger is none of the grant's: 1 - 0.0035.
    left = (await system.credits.of("acme")).remaining
    assert [format_amount(bound) for bound in left] == ["0.9965", "0.9965"]
