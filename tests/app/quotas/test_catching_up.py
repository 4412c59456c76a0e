"""Quotas set late: earlier usage is counted in pieces, and enforced as far as it is known."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.quotas import enforce_quotas
from metering.core.basics.instants import DAY, HOUR, MINUTE, Instant, parse_instant
from metering.core.calendars.periods import LedgerId
from metering.core.plans.plan import read_plan
from tests.app.long_windows import (
    CAP,
    DECEMBER,
    IN_DECEMBER,
    NOVEMBER,
    OCTOBER,
    counted,
    on_plan,
    proven,
    told,
    use,
    verdict,
)
from tests.builders import NOW, body

DAILY = {"metric": "tokens", "window": "day", "limit": "2200", "action": "block"}


async def with_usage(system: Any, *made: Instant, tenant: str = "acme") -> None:
    """Let a tenant use 1,100 tokens at each time, one page each, without a quota."""
    await system.tenancy.define_plan(read_plan("p", {"id": "capped"}), None)
    await system.tenancy.assign_plan(tenant, "capped", None)
    await system.tenancy.map_subject("sub-1", tenant, None)
    for number, at in enumerate(made):
        system.clock.set(at)
        await use(system, f"{tenant}-{number}", at)


async def now_under(system: Any, *quotas: dict[str, Any]) -> None:
    plan = read_plan("p", {"id": "capped", "quotas": list(quotas)})
    await system.tenancy.define_plan(plan, None)
    system.clock.set(system.clock.now() + 6 * MINUTE)


def pages_a_run(monkeypatch: pytest.MonkeyPatch, of_one: int, of_all: int = 1_000) -> None:
    monkeypatch.setattr(enforce_quotas, "MAX_PAGES_OF_ONE", of_one)
    monkeypatch.setattr(enforce_quotas, "MAX_PAGES", of_all)


def quarters(found: dict[Any, int]) -> int:
    return found.get(("quarter", "tokens a quarter", OCTOBER), 0)


async def test_a_quarter_is_counted_a_few_pages_a_run_and_enforced_on_what_is_known(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Three events in October, two in November, two in December.
    made = [OCTOBER + DAY * n for n in range(1, 4)] + [NOVEMBER.start + DAY, NOVEMBER.start + HOUR]
    await with_usage(system, *made, IN_DECEMBER, IN_DECEMBER + 1)
    await now_under(system, {**CAP, "limit": "6600"})
    pages_a_run(monkeypatch, 2)
    seen = []
    for _ in range(4):
        system.clock.set(system.clock.now() + MINUTE)
        assert await system.enforce.run() == 1
        document = (await system.admission().of("sub-1")).document()
        seen.append((quarters(await counted(system)), document["verdict"], document["counting"]))
    # Two pages of 1,100 tokens a run, the present ledger first; 6,600 are reached in the third.
    still = ["tokens a quarter"]
    assert seen == [
        (2200, "allow", still),
        (4400, "allow", still),
        (6600, "block", still),
        (7700, "block", []),
    ]
    assert await system.enforce.run() == 0
    assert (await told(system)).total() == 1
    await proven(system)


async def test_until_all_is_counted_every_page_says_so(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await with_usage(system, NOW - HOUR, NOW - MINUTE, NOW)
    await now_under(system, {**DAILY, "forecast": [10]})
    pages_a_run(monkeypatch, 2)
    await system.enforce.run()
    (found,) = (await system.app.forecasts.of("acme")).quotas
    assert (found.state.used, found.state.is_counting) == (2200, True)
    said = (await system.admission().of("sub-1")).overall.detail
    assert said == "tokens a day: 2200 of 2200 used so far, earlier usage is still being counted"
    # A forecast waits for all of it.
    head = (await system.store.read_head(NOVEMBER)).head
    assert [one.foretold for one in head.counts.used.values()] == [0]
    await system.enforce.run()
    (found,) = (await system.app.forecasts.of("acme")).quotas
    assert (found.state.used, found.state.is_counting) == (3300, False)


async def test_a_period_that_begins_meanwhile_takes_over_the_place(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [OCTOBER + DAY, OCTOBER + 2 * DAY, DECEMBER.start - 9 * MINUTE, DECEMBER.start - HOUR]
    await with_usage(system, *made)
    system.clock.set(DECEMBER.start - 8 * MINUTE)
    await now_under(system, CAP, {**DAILY, "scope": {"end_user": "ada"}})
    pages_a_run(monkeypatch, 1)
    await system.enforce.run()
    assert quarters(await counted(system)) == 1100
    system.clock.set(IN_DECEMBER)
    # Before its first page and after it.
    assert (await system.admission().of("sub-1")).counting == ("tokens a quarter",)
    await use(system, "first", IN_DECEMBER)
    for _ in range(4):
        system.clock.set(system.clock.now() + MINUTE)
        await system.enforce.run()
    # Five events of 1,100 tokens.
    assert quarters(await counted(system)) == 5500
    assert await verdict(system) == ("block", "0")
    assert (await system.admission().of("sub-1")).counting == ()
    await proven(system)


async def test_a_quota_of_the_present_period_begins_with_it_and_takes_nothing_of_the_others(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on_plan(system, CAP)
    for name in ("a", "b"):
        await use(system, name, NOW)
    year = {**CAP, "window": "year", "limit": "3300"}
    later = read_plan("p", {"id": "capped", "quotas": [CAP, year]})
    await system.tenancy.define_plan(later, DECEMBER.start)
    system.clock.set(IN_DECEMBER)
    await use(system, "c", IN_DECEMBER)
    # The known quota goes on; the new one has the month before still to count.
    assert quarters(await counted(system)) == 3300
    assert (await system.admission().of("sub-1")).counting == ("tokens a year",)
    pages_a_run(monkeypatch, 1)
    for used in (2200, 3300):
        await system.enforce.run()
        at = parse_instant("2026-01-01T00:00:00Z")
        assert (await counted(system))["year", "tokens a year", at] == used
    assert quarters(await counted(system)) == 3300
    await proven(system)


async def test_many_late_pages_of_the_month_before_are_counted_over_several_runs(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await on_plan(system, CAP)
    system.clock.set(IN_DECEMBER)
    await use(system, "now", IN_DECEMBER)
    for number in range(5):
        await use(system, f"late-{number}", NOW + number * MINUTE)
    pages_a_run(monkeypatch, 2)
    seen = []
    for _ in range(4):
        await system.enforce.run()
        seen.append(quarters(await counted(system)))
    assert seen == [3300, 5500, 6600, 6600]
    await proven(system)


async def test_pages_too_old_to_matter_are_not_read(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.ledger.catching_up._WORTH_A_SEARCH", 2)
    made = [NOVEMBER.start + n * DAY for n in range(19)]
    await with_usage(system, *made, NOW, NOW + MINUTE)
    await now_under(system, DAILY, {**DAILY, "window": "hour", "scope": {"end_user": "ada"}})
    read: list[int] = []
    real = system.store.pages

    async def pages(ledger: LedgerId, *, after: int = 0) -> Any:
        read.append(after)
        async for page in real(ledger, after=after):
            yield page

    system.store.pages = pages
    pages_a_run(monkeypatch, 5)
    assert await system.enforce.run() == 1
    # A window that ended yesterday is counted until today: pages 19, 20 and 21 are left.
    assert read == [18]
    assert await verdict(system) == ("block", "0")
    assert (await system.admission().of("sub-1")).counting == ()
    # To a whole period all of them matter.
    await now_under(system, {**DAILY, "window": "period", "scope": {"model": "gpt-4o"}})
    for number in range(5):
        assert await system.enforce.run() == 1
        assert read[1:] == [0, 5, 10, 15, 20][: number + 1]
    # 21 events of 1,100 tokens
    assert list((await counted(system)).values()) == [23100]


async def test_where_a_run_has_too_few_pages_for_all_another_tenant_comes_first_in_the_next(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("acme", "globex", "initech")
    await with_usage(system)
    for name in names:
        await system.tenancy.assign_plan(name, "capped", None)
        await system.tenancy.map_subject(f"of-{name}", name, None)
        for number in range(6):
            await use_of(system, name, number)
    await now_under(system, DAILY)
    pages_a_run(monkeypatch, 2, 2)
    first = []
    for _ in range(12):
        system.clock.set(system.clock.now() + MINUTE)
        before = {name: await used_by(system, name) for name in names}
        await system.enforce.run()
        first += [one for one in names if await used_by(system, one) != before[one]]
    # Each run has two pages for one of them; all are done after nine, and each had three of these.
    assert sorted(first) == sorted(names * 3)
    assert len(set(first[:5])) > 1


async def use_of(system: Any, tenant: str, number: int) -> None:
    sent = body(id=f"{tenant}-{number}", subject=f"of-{tenant}")
    await system.ingest.batch([Message(sent, "0", 0)])


async def used_by(system: Any, tenant: str) -> int:
    head = (await system.store.read_head(LedgerId(tenant, NOVEMBER.start))).head
    return sum(one.used for one in head.counts.used.values())


async def test_quotas_set_one_after_the_other_each_come_to_the_full_count(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [OCTOBER + DAY, OCTOBER + 2 * DAY, NOVEMBER.start + DAY, IN_DECEMBER, IN_DECEMBER + 1]
    await with_usage(system, *made)
    pages_a_run(monkeypatch, 2)
    await now_under(system, CAP)
    await system.enforce.run()
    year = {**CAP, "window": "year", "scope": {"model": "gpt-4o"}}
    await now_under(system, CAP, year)
    await system.enforce.run()
    counting = (await system.admission().of("sub-1")).counting
    assert counting == ("tokens a quarter", "tokens a year of model gpt-4o")
    for _ in range(6):
        await system.enforce.run()
    # Five events of 1,100 tokens in each.
    assert sorted((await counted(system)).values()) == [5500, 5500]
    assert (await system.admission().of("sub-1")).counting == ()
    await proven(system)
