"""Weeks, quarters and years: limits over several ledgers."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.app.quotas.desired_states import QuotasWantSuspended
from metering.core.basics.instants import DAY, MINUTE, format_instant, parse_instant
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import LedgerId
from metering.core.plans.plan import read_plan
from metering.core.plans.scope import Attributes
from tests.app.long_windows import (
    CAP,
    DECEMBER,
    IN_DECEMBER,
    NOVEMBER,
    OCTOBER,
    System,
    counted,
    on_plan,
    proven,
    told,
    use,
    verdict,
)
from tests.builders import NOW, body


async def test_the_usage_of_the_month_before_blocks_before_the_month_has_any(
    system: System,
) -> None:
    await on_plan(system, CAP, suspend=True)
    await use(system, "a", NOW)
    system.clock.set(IN_DECEMBER)
    assert await verdict(system) == ("allow", "1100")
    system.clock.set(NOW)
    await use(system, "b", NOW)
    system.clock.set(IN_DECEMBER)
    found = (await system.admission().of("sub-1")).document()
    assert found["detail"] == "tokens a quarter: 2200 of 2200 used"
    assert (found["verdict"], found["resets_at"]) == ("block", "2027-01-01T00:00:00Z")
    # Wherever else limits are shown, before the month has a ledger.
    (forecast,) = (await system.app.forecasts.of("acme")).quotas
    assert (forecast.state.used, forecast.exhausted_at) == (2200, IN_DECEMBER)
    (overview,) = await system.app.overview.of(["acme"])
    assert (overview.standing, overview.quotas[0].percent) == ("over", 100)
    reached = (await system.app.tenant_alerts.of(DECEMBER)).reached
    assert [one.percent for one in reached] == [100]
    wanted = QuotasWantSuspended(
        before=system.app.ledgers_before,
        accruals=system.app.accruals,
        ledgers=system.store,
        suspensions=system.suspensions,
        tenancy=system.tenancy,
        alerts=system.alerts,
    )
    (desired,) = (await wanted.desired_states(IN_DECEMBER)).values()
    assert desired.reason == "acme: tokens a quarter: the limit of 2200 is reached"
    # And from its first commit on.
    await use(system, "c", IN_DECEMBER)
    assert await verdict(system) == ("block", "0")
    system.clock.set(parse_instant("2027-01-01T00:00:00Z"))
    assert await verdict(system) == ("allow", "2200")


async def test_a_limit_set_in_the_year_counts_the_year_from_the_pages(system: System) -> None:
    await on_plan(system)
    for number, month in enumerate(("2025-12", "2026-09", "2026-10", "2026-11")):
        made = parse_instant(f"{month}-15T00:00:00Z")
        system.clock.set(made)
        await use(system, f"r-{number}", made, "ada")
    system.clock.set(NOW)
    year = {**CAP, "window": "year", "limit": "3300", "scope": {"end_user": "ada"}}
    await system.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [year]}), None)
    system.clock.set(NOW + 6 * MINUTE)
    ada = Attributes(end_user="ada")
    assert (await system.admission().of("sub-1", ada)).overall.verdict == "allow"
    assert await system.enforce.run() == 1
    # September, October and November of this year
    found = (await system.admission().of("sub-1", ada)).overall
    assert (found.verdict, found.detail) == (
        "block",
        "tokens a year of end user ada: 3300 of 3300 used",
    )
    assert await system.enforce.run() == 0
    assert len(await told(system)) == 1
    await proven(system)


async def test_what_comes_late_for_the_month_before_counts_within_a_minute(system: System) -> None:
    await on_plan(system, CAP)
    end = DECEMBER.start - MINUTE
    system.clock.set(DECEMBER.start + 2 * MINUTE)
    await use(system, "now", system.clock.now())
    assert await verdict(system) == ("allow", "1100")
    await use(system, "late", end)
    system.clock.set(DECEMBER.start + 3 * MINUTE)
    assert await system.enforce.run() == 1
    assert await verdict(system) == ("block", "0")
    assert (await told(system)).total() == 1
    assert await system.enforce.run() == 0
    # A correction of it, long after, is found within the hour.
    system.clock.set(DECEMBER.start + 9 * DAY)
    await system.ingest.batch([Message(body(id="late2", time=format_instant(end)), "0", 0)])
    runs = []
    for _ in range(60):
        system.clock.set(system.clock.now() + MINUTE)
        runs.append(await system.enforce.run())
    assert sum(runs) == 1
    assert (await counted(system))["quarter", "tokens a quarter", OCTOBER] == 3300
    await proven(system)


async def test_streams_open_at_the_turn_of_the_month_are_held_and_settled(system: System) -> None:
    await on_plan(system, {**CAP, "limit": "3300"})
    made = format_instant(DECEMBER.start - MINUTE)
    system.clock.set(DECEMBER.start - MINUTE)
    stream = {"id": "s", "time": made}
    hold = {"prompt_tokens_estimate": 1700, "max_output_tokens": 4000}
    waiting = body(**stream, data__tokens="pending", data__usage=..., data__hold=hold)
    await system.ingest.batch([Message(waiting, "0", 0)])
    system.clock.set(DECEMBER.start + 2 * MINUTE)
    # 1,700 and the 500 tokens that are expected of a stream
    assert await verdict(system) == ("allow", "1100")
    await use(system, "now", system.clock.now())
    held = (await system.admission().of("sub-1")).overall
    assert (held.reason, held.remaining) == ("held", "0")
    await use(system, "late", DECEMBER.start - MINUTE)
    assert await system.enforce.run() == 1
    held = (await system.admission().of("sub-1")).overall
    assert (
        held.detail
        == "tokens a quarter: 4400 of 3300 used, 2200 of it by streams without counts yet"
    )
    counts = {"prompt_tokens": 900, "completion_tokens": 100, "total_tokens": 1000}
    await system.ingest.batch([Message(body(**stream, data__usage=counts), "0", 0)])
    system.clock.set(DECEMBER.start + 3 * MINUTE)
    await system.enforce.run()
    # 3,300 less 1,100 of each event and 1,000 of the stream
    assert await verdict(system) == ("allow", "100")
    await proven(system)


async def test_a_tenant_that_waits_for_months_is_found_where_it_stopped(system: System) -> None:
    await on_plan(system, {**CAP, "window": "year"})
    await system.tenancy.set_calendar("acme", Calendar(cycle="daily"), None)
    march = parse_instant("2027-03-01T00:00:00Z")
    system.clock.set(march)
    await use(system, "a", march)
    await use(system, "b", march)
    june = parse_instant("2027-06-01T12:00:00Z")
    reads: list[LedgerId] = []
    real = system.store.read_head

    async def read_head(ledger: LedgerId) -> Any:
        reads.append(ledger)
        return await real(ledger)

    system.store.read_head = read_head
    system.clock.set(june)
    admission = system.admission()
    assert (await admission.of("sub-1")).overall.verdict == "block"
    # Its own day and 92 days back to the first of March
    assert len(reads) == 93
    for second in range(1, 31):
        system.clock.set(june + second * 1_000_000)
        assert (await admission.of("sub-1")).overall.verdict == "block"
    # Where the last ledger is stays known for a minute: two reads a second.
    assert len(reads) == 93 + 2 * 30


async def test_what_is_used_before_a_period_begins_is_in_the_window(system: System) -> None:
    await on_plan(system, CAP)
    await use(system, "a", NOW)
    # A producer's clock is ahead: December begins with an event of November's last minute.
    system.clock.set(DECEMBER.start - MINUTE)
    await use(system, "b", DECEMBER.start + MINUTE)
    system.clock.set(DECEMBER.start + MINUTE)
    assert await system.enforce.run() == 1
    assert await verdict(system) == ("block", "0")
    assert (await told(system)).total() == 1
    await proven(system)


async def test_a_quota_leaves_and_comes_back_with_all_that_was_used(system: System) -> None:
    await on_plan(system, CAP)
    await use(system, "a", NOW)
    system.clock.set(IN_DECEMBER)
    await use(system, "b", IN_DECEMBER)
    minutes = 10
    for quotas in ([], [CAP]):
        plan = read_plan("p", {"id": "capped", "quotas": quotas})
        await system.tenancy.define_plan(plan, None)
        minutes += 6
        system.clock.set(DECEMBER.start + minutes * MINUTE)
        await system.enforce.run()
        stored = await system.store.read_head(DECEMBER)
        assert stored.head.counts.earlier.pages == ({NOVEMBER.start: 1} if quotas else {})
    assert await verdict(system) == ("block", "0")
    await proven(system)


async def test_a_forecast_of_the_year_is_told_once_and_knows_when_usage_began(
    system: System,
) -> None:
    year = {"metric": "requests", "window": "year", "limit": "3", "forecast": [100]}
    each = {**year, "scope": {"end_user": "*"}, "thresholds": [30, 100]}
    await on_plan(system, year, each)
    await use(system, "a", NOW, "ada")
    # One in the 19.5 days since the first of November: 3.1 in the 61 days to the end of the year.
    (whole, *_) = (await system.app.forecasts.of("acme")).quotas
    assert (whole.trend.projected, format_instant(whole.exhausted_at or 0)) == (
        3,
        "2026-12-29T12:00:00Z",
    )
    expected = {
        ("requests a year", 100): 1,
        ("requests a year of end user ada", 30): 1,
        ("requests a year of end user ada", 100): 1,
    }
    await use(system, "late", NOW - DAY)
    for minute in range(10, 13):
        system.clock.set(DECEMBER.start + minute * MINUTE)
        await use(system, f"b-{minute}", system.clock.now(), "bob")
        await use(system, f"r-{minute}", NOW, "ada" if minute == 12 else None)
        await system.enforce.run()
    await proven(system)
    found = {key: n for key, n in (await told(system)).items() if "bob" not in key[0]}
    assert {(about, threshold): n for (about, threshold, _), n in found.items()} == expected | {
        ("requests a year", 100): 2,
    }
