"""Accruals: what provisioned capacity has cost so far, before the close."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from metering.app.allocation import capacity_reading
from metering.app.allocation.accruals import INTERVAL, MEMORY, Accruals
from metering.bootstrap.base import Base
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, Instant, parse_instant
from metering.core.basics.money import format_amount
from metering.core.calendars.calendar import Calendar
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.calendars.windows import Window
from metering.core.deployments.deployment import Deployment, Hosting, Provisioned
from metering.core.ledger.effect import EffectKind, describe
from metering.core.plans.plan import read_plan
from metering.core.tenancy.grant_records import GrantOffer
from tests.app.allocation.test_allocate import ingest

type System = Any

OCTOBER, NOVEMBER, DECEMBER = (parse_month(f"2026-{month}") for month in (10, 11, 12))
THE_3RD = parse_instant("2026-11-03T12:00:00Z")
THE_20TH = parse_instant("2026-11-20T00:00:00Z")
CAP = {
    "metric": "amount",
    "window": "period",
    "limit": "100",
    "action": "block",
    "thresholds": [50, 100],
    "include_provisioned": True,
}


def units(**changes: Any) -> Deployment:
    """Return 50 units at 1 USD an hour; idle hours are paid by share."""
    terms = {"units": 50, "hourly_price": "1", "scope": "global", "idle": "by_share"}
    return Deployment(
        name=changes.pop("name", "chat"),
        model="gpt-4o",
        deployment_type="provisioned",
        provisioned=Provisioned(**{**terms, **changes}),
    )


async def on_plan(system: System, *quotas: Any, tenant: str = "acme", **terms: Any) -> None:
    made = read_plan("p", {"id": f"of-{tenant}", "quotas": list(quotas), **terms})
    await system.tenancy.define_plan(made, None)
    await system.tenancy.assign_plan(tenant, made.id, None)
    await system.tenancy.map_subject(tenant, tenant, None)


@pytest.fixture
async def used(system: System) -> System:
    """Return a system on the 3rd, where acme has used the 50 units once."""
    system.clock.set(THE_3RD)
    await system.tenancy.define_deployment(units(), None)
    await on_plan(system, CAP)
    await ingest(system, ("acme", "11-03T10:00:00"))
    return system


def reader(system: System, *, works_out: bool = False) -> Accruals:
    """Return the accruals as a process has them that has just started."""
    made = Base(system.app.settings)
    made.clock, made.alerts, made.stores = system.clock, system.alerts, system.app.stores
    made.tenancy = system.tenancy
    found = made.accruals
    found.works_out = works_out
    return found


async def drafted(system: System, tenant: str = "acme", period: Any = NOVEMBER) -> str:
    draft = await system.read_statements.draft(tenant, period)
    return format_amount(draft.statement.total)


async def test_a_quota_that_includes_provisioned_cost_blocks_before_the_close(
    used: System,
) -> None:
    used.clock.set(THE_20TH)
    assert await used.app.accruals.run() == 1
    # 19 days x 24 hours x 50 units x 1 USD: 22,800, all of them acme's.
    assert await drafted(used) == "22800"
    verdict = (await used.admission().of("acme")).overall
    assert (verdict.verdict, verdict.remaining, verdict.limit) == ("block", "0", "100")
    assert verdict.detail == (
        "amount a period with provisioned: 22800 of 100 used, 22800 of it provisioned, accrued"
        " until 2026-11-20T00:00:00Z"
    )
    found = await used.app.forecasts.of("acme")
    assert (format_amount(found.provisioned.so_far), found.quotas[0].trend.used) == (
        "22800",
        22_800 * 10**18,
    )
    # 720 hours at 50.
    assert format_amount(found.provisioned.projected) == "36000"
    assert format_amount(found.quotas[0].trend.projected) == "36000"
    (now,) = await used.app.overview.of(["acme"])
    assert (now.standing, format_amount(now.provisioned)) == ("over", "22800")
    assert [one.label for one in (await used.app.tenant_alerts.of(now.balance.head.ledger)).reached]


async def test_the_timer_tells_a_threshold_that_accrues_without_a_request(system: System) -> None:
    used = system
    used.clock.set(THE_3RD)
    await used.tenancy.define_deployment(units(), None)
    # 60 hours of 50 by noon of the 3rd: 3,000 of 6,100 is 49 %; two hours later it is 50.
    await on_plan(used, {**CAP, "limit": "6100", "forecast": [200]})
    await ingest(used, ("acme", "11-03T10:00:00"))
    await used.app.accruals.run()
    await used.enforce.run()
    told = await used.effects.effects_of(LedgerId("acme", NOVEMBER.start), 9)
    # The forecast is 36,000.
    assert ['"forecast": true' in one.detail for one in told] == [True]
    used.clock.set(THE_3RD + 2 * HOUR)
    await used.app.accruals.run()
    await used.enforce.run()
    await used.enforce.run()
    told = await used.effects.effects_of(LedgerId("acme", NOVEMBER.start), 9)
    assert [one.kind for one in told] == [EffectKind.QUOTA] * 2
    assert "'amount a period with provisioned'" in describe(told[0])
    assert (await used.verify.one(LedgerId("acme", NOVEMBER.start))).faults == ()


@pytest.mark.parametrize(
    ("calendar", "previewed", "billed"),
    [
        (Calendar(), NOVEMBER.start, "2026-11"),
        # October ends within the November of Berlin, November within its December.
        (Calendar(time_zone="Europe/Berlin"), parse_instant("2026-11-30T23:00:00Z"), "2026-12"),
        (Calendar(anchor=15), parse_instant("2026-11-15T00:00:00Z"), "2026-11"),
        (Calendar(cycle="weekly"), parse_instant("2026-11-30T00:00:00Z"), "2026-11-30"),
        (Calendar(cycle="daily"), parse_instant("2026-11-30T00:00:00Z"), "2026-11-30"),
    ],
)
async def test_what_is_provisional_at_the_end_is_what_the_close_bills(
    system: System, calendar: Calendar, previewed: Instant, billed: str
) -> None:
    system.clock.set(OCTOBER.start)
    await system.tenancy.define_deployment(units(), NOVEMBER.start)
    await system.tenancy.define_deployment(units(name="own", idle="equal"), NOVEMBER.start + DAY)
    await on_plan(system)
    await system.tenancy.set_calendar("acme", calendar, None)
    system.clock.set(NOVEMBER.end)
    await ingest(system, ("acme", "11-03T10:00:00"), ("acme", "11-20T10:00:00"))
    await ingest(system, ("beta", "11-20T10:00:00"), ("beta", "11-07T10:00:00"))
    await ingest(system, ("beta", "11-20T10:10:00"), deployment="own")
    accrued = reader(system, works_out=True)
    await accrued.run()
    shares = [
        (one.deployment, one.amount)
        for one in (await accrued.of("acme", Window(NOVEMBER.start, NOVEMBER.end))).shares
    ]
    # Acme is one of two tenants with two requests each: half of 36,000 less the rounding of none.
    assert [(name, format_amount(amount)) for name, amount in shares] == [("chat", "18000")]
    periods = [system.tenancy.directory.period_at("acme", NOVEMBER.start)]
    while periods[-1].end < NOVEMBER.end:
        periods.append(system.tenancy.directory.period_at("acme", periods[-1].end))
    by_period = [await accrued.in_period("acme", one) for one in periods]
    windows = [Window(one.start, one.end) for one in periods]
    parts = [one.within(window) for one, window in zip(by_period, windows, strict=True)]
    assert sum(parts) == 18_000 * 10**18
    system.clock.set(DECEMBER.end + DAY)
    before = [
        one.statement.total
        for one in [
            await system.read_statements.draft(
                "acme", system.tenancy.directory.period_at("acme", previewed)
            )
        ]
    ]
    closed, _ = await system.close(DECEMBER.end + DAY)
    (at,) = [one for one in closed if one.tenant == "acme" and one.period == billed]
    assert [at.total] == before
    assert format_amount(at.total) == "18000"
    finals = reader(system)
    after = [await finals.in_period("acme", one) for one in periods]
    assert [one.within(window) for one, window in zip(after, windows, strict=True)] == parts
    assert all(share.is_final for one in after for share in one.shares)


async def test_a_prepaid_tenant_owes_what_has_accrued_until_a_statement_bills_it(
    system: System,
) -> None:
    system.clock.set(THE_3RD)
    await system.tenancy.define_deployment(units(hourly_price="0.01"), NOVEMBER.start)
    await on_plan(system, billing="prepaid")
    await system.tenancy.add_grant(GrantOffer("acme", "500"))
    await ingest(system, ("acme", "11-03T10:00:00"))
    system.clock.set(THE_20TH)
    # 456 hours of 0.50.
    found = await system.credits.of("acme")
    assert (format_amount(found.remaining.at_least), format_amount(found.open_spend)) == (
        "272",
        "228",
    )
    system.clock.set(NOVEMBER.end + 10 * DAY)
    await system.close(NOVEMBER.end + 10 * DAY)
    # 720 hours of 0.50 are settled, and December has no user yet.
    assert format_amount((await system.credits.of("acme")).remaining.at_least) == "140"


async def test_hosting_and_hours_of_part_of_a_month_accrue_alike(system: System) -> None:
    system.clock.set(THE_3RD)
    hosted = Deployment(
        name="tuned",
        model="gpt-4o",
        deployment_type="global",
        hosting=Hosting(hourly_price="1.70", idle="equal"),
    )
    await system.tenancy.define_deployment(hosted, parse_instant("2026-11-02T00:00:00Z"))
    # It ends on the 10th: from then on the deployment is paid by token.
    plain = Deployment(name="tuned", model="gpt-4o", deployment_type="global")
    await system.tenancy.define_deployment(plain, parse_instant("2026-11-10T00:00:00Z"))
    await ingest(system, ("acme", "11-03T10:00:00"), deployment="tuned")
    system.clock.set(THE_3RD + 12 * HOUR)
    found = await reader(system, works_out=True).in_period("acme", NOVEMBER)
    window = Window(NOVEMBER.start, NOVEMBER.end)
    # 48 hours of 1.70, and 144 to come.
    assert format_amount(found.within(window)) == "81.6"
    assert format_amount(found.expected(window.end)) == "244.8"


async def test_a_process_that_works_out_nothing_reads_the_timers_last(used: System) -> None:
    served = reader(used)
    first, again = await asyncio.gather(served.of("acme", NOVEMBER), served.of("acme", NOVEMBER))
    assert first == again
    assert (first.at, first.unknown, first.shares) == (None, ("chat",), ())
    assert await reader(used).run() == 1
    assert await served.of("acme", NOVEMBER) == first
    used.clock.set(THE_3RD + MEMORY)
    later = await served.of("acme", NOVEMBER)
    assert (later.at, later.unknown) == (THE_3RD, ())
    # Two days later the timer has not run again: the last that is known, with its time.
    used.clock.set(THE_3RD + 2 * DAY)
    assert (await served.of("acme", NOVEMBER)).at == THE_3RD
    # Where a read may work out what is old, it does, once it is older than two runs.
    used.clock.set(THE_3RD + 2 * INTERVAL - 1)
    assert (await reader(used, works_out=True).of("acme", NOVEMBER)).at == THE_3RD
    used.clock.set(THE_3RD + 2 * INTERVAL)
    fresh = await reader(used, works_out=True).of("acme", NOVEMBER)
    assert fresh.at == THE_3RD + 2 * INTERVAL


async def change(system: System, statement: str) -> None:
    await system.database.write(lambda connection: connection.execute(statement))


BETA = LedgerId("beta", NOVEMBER.start)


async def shares(accruals: Accruals) -> dict[str, str]:
    (one,) = (await accruals.in_month(NOVEMBER)).accruals
    return {share.tenant: format_amount(share.used) for share in one.allocation.shares}


async def test_a_ledger_that_cannot_be_read_is_in_accruals_as_last_counted(used: System) -> None:
    accruals = reader(used, works_out=True)
    await ingest(used, ("beta", "11-03T10:00:00"))
    assert await accruals.run() == 1
    # An hour of 50 in halves.
    assert await shares(accruals) == {"acme": "25", "beta": "25"}
    await ingest(used, ("beta", "11-03T11:00:00"))
    await used.store.write_checkpoint((await used.store.read_head(BETA)).head)
    await change(used, f"DELETE FROM pages WHERE ledger = '{BETA}'")
    used.clock.set(THE_20TH)
    assert await accruals.run() == 1
    assert used.alerts.messages[-1] == (
        f"ledger {BETA}: page 1 is not there yet: the accrued cost of chat in 2026-11 is incomplete"
    )
    found = await accruals.of("acme", NOVEMBER)
    assert (found.at, found.is_complete) == (THE_20TH, False)
    assert await accruals.incomplete() == {"chat in 2026-11": [str(BETA)]}
    # This process has counted the ledger before; another one keeps the accrual that knew more.
    assert await shares(accruals) == {"acme": "25", "beta": "25"}
    other = reader(used)
    assert await other.run() == 1
    assert await shares(other) == {"acme": "25", "beta": "25"}
    assert [one.is_complete for one in (await other.of("acme", NOVEMBER)).shares] == [False]
    # What a process counted is given up once the ledger was repaired without it.
    await change(used, f"DELETE FROM heads WHERE ledger = '{BETA}'")
    await used.app.repair.apply(BETA, lambda _: None)
    assert await accruals.run() == 1
    assert await shares(accruals) == {"acme": "50"}
    assert (await accruals.of("acme", NOVEMBER)).is_complete


async def test_nothing_accrues_by_guess_where_nothing_is_known_of_a_ledger(used: System) -> None:
    await ingest(used, ("beta", "11-03T10:00:00"))
    await change(used, f"DELETE FROM pages WHERE ledger = '{BETA}'")
    accruals = reader(used, works_out=True)
    assert await accruals.run() == 0
    found = await accruals.of("acme", NOVEMBER)
    assert (found.shares, found.unknown) == ((), ("chat",))


async def test_documents_that_cannot_be_read_or_written_keep_back_their_deployment_alone(
    used: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await used.tenancy.define_deployment(units(name="mini"), None)
    accruals = reader(used)
    assert await accruals.run() == 2
    await change(used, "UPDATE accruals SET document = '{}' WHERE deployment = 'chat'")
    other = reader(used)
    assert (await other.of("acme", NOVEMBER)).unknown == ("chat",)
    assert [one.allocation.deployment for one in (await other.in_month(NOVEMBER)).accruals] == [
        "mini"
    ]
    put = type(used.allocations).put_accrual

    async def too_large(store: Any, accrual: Any) -> bool:
        if accrual.allocation.deployment == "chat":
            raise ConfigurationError("allocation of chat: 30000 tenants are too many")
        return bool(await put(store, accrual))

    monkeypatch.setattr(type(used.allocations), "put_accrual", too_large)
    assert await other.run() == 1
    assert used.alerts.messages[-1] == (
        "accrued cost of chat: allocation of chat: 30000 tenants are too many"
    )
    monkeypatch.undo()
    await used.app.billing.allocate.run(NOVEMBER)
    used.clock.set(NOVEMBER.end + DAY)
    found = await reader(used, works_out=True).of("acme", NOVEMBER)
    assert [one.is_final for one in found.shares] == [True]


async def test_a_ledger_that_was_read_goes_on_from_there(
    used: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    accruals = reader(used, works_out=True)
    await accruals.run()
    queries = used.store.queries
    await ingest(used, ("beta", "11-03T10:00:00"))
    await accruals.run()
    (one,) = (await accruals.in_month(NOVEMBER)).accruals
    # An hour of 50 in halves, and the idle ones too.
    assert [share.tenant for share in one.allocation.shares] == ["acme", "beta"]
    assert used.store.queries >= queries
    monkeypatch.setattr(capacity_reading, "_MAX_SUMS", 0)
    await accruals.run()
    assert (await accruals.in_month(NOVEMBER)).accruals == (one,)


async def test_months_before_are_read_as_the_close_wrote_them_for_the_windows_of_a_year(
    used: System,
) -> None:
    await used.app.accruals.run()
    closing = NOVEMBER.end + 10 * DAY
    used.clock.set(closing)
    await used.close(closing)
    # The timer replaces what had accrued by what was allocated; December has begun.
    assert await reader(used).run() == 2
    accruals = reader(used)
    year = Window(parse_instant("2026-01-01T00:00:00Z"), parse_instant("2027-01-01T00:00:00Z"))
    used.clock.set(parse_instant("2027-01-20T00:00:00Z"))
    found = await accruals.of("acme", year)
    # All of November.
    assert format_amount(found.within(year)) == "36000"
    assert [one.is_final for one in found.shares] == [True]
    used.clock.set(parse_instant("2027-04-20T00:00:00Z"))
    long = Window(parse_instant("2026-01-01T00:00:00Z"), parse_instant("2027-05-01T00:00:00Z"))
    assert format_amount((await accruals.of("acme", long)).within(long)) == "36000"


async def test_what_a_later_statement_bills_is_told_apart(system: System) -> None:
    system.clock.set(OCTOBER.start)
    await system.tenancy.define_deployment(units(), NOVEMBER.start)
    await on_plan(system)
    await system.tenancy.set_calendar("acme", Calendar(time_zone="Europe/Berlin"), None)
    system.clock.set(THE_3RD)
    await ingest(system, ("acme", "11-03T10:00:00"))
    system.clock.set(THE_20TH)
    period = system.tenancy.directory.period_at("acme", THE_20TH)
    draft = await system.read_statements.draft("acme", period)
    # The November of Berlin ends an hour before the month in UTC, whose hours December bills.
    assert draft.statement.total == 0
    assert [(one.month.name, format_amount(one.amount)) for one in draft.later] == [
        ("2026-11", "22800")
    ]
    ahead = system.tenancy.directory.period_at("acme", THE_20TH + 60 * DAY)
    # December has not begun.
    assert await system.app.accruals.to_bill(ahead, 60 * DAY) == []


async def test_without_capacity_nothing_is_read(make_system: Callable[[], System]) -> None:
    system = make_system()
    await on_plan(system, CAP)
    found = await system.app.accruals.of("acme", NOVEMBER)
    assert (found.shares, found.at, found.currency) == ((), None, "USD")
    assert await system.app.accruals.to_bill(NOVEMBER, DAY) == []


async def test_a_quota_of_a_quarter_counts_the_months_that_are_closed_and_the_one_that_runs(
    system: System,
) -> None:
    system.clock.set(THE_3RD)
    await system.tenancy.define_deployment(units(), NOVEMBER.start)
    await on_plan(system, {**CAP, "window": "quarter", "limit": "50000"})
    await ingest(system, ("acme", "11-03T10:00:00"))
    system.clock.set(DECEMBER.start + 9 * DAY)
    await system.close(DECEMBER.start + 9 * DAY)
    await ingest(system, ("acme", "12-03T10:00:00"))
    (quota,) = (await system.app.forecasts.of("acme")).quotas
    # 720 hours of 50 in November, 216 in December: 36,000 and 10,800.
    assert (quota.state.label, format_amount(quota.state.accrued)) == (
        "amount a quarter with provisioned",
        "46800",
    )
    # 64 hours of 50 more.
    assert quota.exhausted_at == DECEMBER.start + 9 * DAY + 64 * HOUR
