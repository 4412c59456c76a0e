"""Ten ledgers, one of which is broken, full, refused by size or restored halfway: nine go on."""

from typing import Any

import pytest

from metering.app.exports.chargeback import ChargebackReport, Scope
from metering.app.exports.deliver_exports import LEFT_OUT
from metering.core.basics.errors import LedgerLagError, RetryableError
from metering.core.basics.instants import DAY, MINUTE, SECOND
from metering.core.calendars.periods import LedgerId
from metering.core.exports.delivery_manifest import Window
from metering.core.plans.plan import read_plan
from metering.core.reports.board import Standing
from tests.app.bounds.ten import (
    LEDGERS,
    PERIOD,
    REFUSED,
    SICK,
    TENANTS,
    Make,
    is_told,
    one_each,
    refuse,
    subject,
)
from tests.app.exporting import content_of
from tests.builders import NOW, body
from tests.doubles.cosmos import CosmosPeer
from tests.systems import MovableClock, System

DUE = PERIOD.end + 5 * DAY
QUOTA = {"metric": "requests", "window": "day", "limit": "100"}


async def test_ingest(sick: System) -> None:
    tally = await one_each(sick, "new")
    assert (tally.accepted, tally.rejected) == (9, {"ledger_stopped": 1})
    assert is_told(sick)
    (letter,) = await sick.dead_letters.list_dead_letters(10)
    assert letter.code == "ledger_stopped"
    assert letter.body == body(id=f"new-{SICK}", subject=subject(SICK))


async def test_expiry(sick: System, harm: str, kind: str, request: pytest.FixtureRequest) -> None:
    sick.clock.set(NOW + DAY + 10 * MINUTE)
    assert (await sick.expire.run()).missing == 9
    assert is_told(sick)
    if kind == "cosmos" and harm in REFUSED:
        # Once the ledger takes commits again, its stream is settled too.
        request.getfixturevalue("peer").faults.clear()
        assert (await sick.expire.run()).missing == 1


async def test_rerating(sick: System) -> None:
    from tests.builders import price_rows  # noqa: PLC0415

    sick.app.tenancy.committed = price_rows({"aliases": [f"m-{n}" for n in range(20)]})
    await sick.tenancy.refresh()
    priced = await sick.app.price_unpriced.run()
    assert priced == 9 * 20
    assert is_told(sick)


async def test_closing(sick: System, harm: str) -> None:
    if harm in REFUSED:
        pytest.skip("closing writes nothing to a ledger")
    closed, waiting = await sick.close(DUE)
    assert sorted(one.tenant for one in closed) == sorted(set(TENANTS) - {SICK})
    assert [one.tenant for one in waiting] == [SICK]


async def test_enforcing(sick: System) -> None:
    plan = read_plan("p", {"id": "capped", "quotas": [QUOTA]})
    await sick.tenancy.define_plan(plan, None)
    sick.clock.set(NOW + 6 * MINUTE)
    assert await sick.enforce.run() == 9
    assert is_told(sick)


async def test_roll_up(sick: System, harm: str) -> None:
    pages = 0
    for _ in range(3):
        pages += await sick.roll_up.run()
    assert pages >= 9 * 21
    for tenant in set(TENANTS) - {SICK}:
        stored = await sick.rollups.read_cursor(LEDGERS[tenant])
        assert stored is not None
        assert stored.cursor.page == 21
    assert harm in REFUSED or is_told(sick)


async def test_exports(sick: System, harm: str) -> None:
    report = ChargebackReport(sick.store, sick.tenancy, Scope(Window(PERIOD.name), by="tenant"))
    rows = [b"".join([c.content async for c in content_of(one)]) async for one in report.files()]
    text = b"".join(rows).decode()
    assert all(f"\r\n{tenant}," in text for tenant in set(TENANTS) - {SICK})
    if harm in REFUSED:
        assert f"\r\n{SICK}," in text
    else:
        assert f"\r\n{SICK}," not in text
        assert SICK in report.notes()[LEFT_OUT]


async def test_overview(sick: System, harm: str) -> None:
    found = {one.tenant: one for one in await sick.app.overview.of(TENANTS)}
    unreadable = {tenant for tenant, one in found.items() if one.fault is not None}
    # A head is folded from its checkpoint on: what is lost before it is not seen by a glance.
    assert unreadable <= {SICK}
    assert (found[SICK].standing is Standing.UNREADABLE) == (SICK in unreadable)
    assert harm in {*REFUSED, "restored"} or unreadable == {SICK}


async def test_gauges(sick: System) -> None:
    await sick.app.collect_gauges.run()


@pytest.mark.parametrize("kind", ["cosmos"], indirect=True)
async def test_a_fault_that_nobody_knows_parks_one_ledger_after_a_while(
    make_process: Make, peer: CosmosPeer
) -> None:
    system = await make_process(MovableClock(NOW))
    for tenant in TENANTS:
        await system.tenancy.map_subject(subject(tenant), tenant, None)
    await one_each(system, "r-1")
    refuse(peer, "unknown")
    for minute in (0, 5, 14):
        system.clock.set(NOW + minute * MINUTE)
        with pytest.raises(RetryableError, match="status 400"):
            await one_each(system, f"m-{minute}")
        # The others of the batch are committed to, those after it too.
        for tenant in set(TENANTS) - {SICK}:
            stored = await system.store.read_head(LEDGERS[tenant])
            assert stored is not None
            assert stored.head.entries >= 2
    system.clock.set(NOW + 15 * MINUTE + SECOND)
    tally = await one_each(system, "m-15")
    assert (tally.accepted, tally.rejected) == (9, {"ledger_stopped": 1})
    assert is_told(system)
    peer.faults.clear()
    assert (await one_each(system, "m-16")).accepted == 10


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
async def test_a_store_out_of_reach_is_nobodys_fault(make_process: Make) -> None:
    system = await make_process(MovableClock(NOW))
    for tenant in TENANTS:
        await system.tenancy.map_subject(subject(tenant), tenant, None)

    def strike() -> None:
        raise RetryableError("out of reach")

    system.store.strike = strike  # type: ignore[method-assign]
    for minute in (0, 20):
        system.clock.set(NOW + minute * MINUTE)
        with pytest.raises(RetryableError, match="out of reach"):
            await one_each(system, "r-1")
    # Ledgers are committed at once: two attempts of each of the ten, twice, and no more.
    assert system.store.commits <= 40
    assert system.alerts.messages == []


@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
async def test_a_tenant_whose_last_page_stays_away_waits_alone_and_is_told_at_the_second_look(
    make_process: Make,
) -> None:
    system = await make_process(MovableClock(NOW))
    for tenant in TENANTS:
        await system.tenancy.map_subject(subject(tenant), tenant, None)
    await one_each(system, "r-1")
    real = system.store.pages

    def pages(ledger: LedgerId, *, after: int = 0) -> Any:
        if ledger.tenant == SICK:
            raise LedgerLagError(f"ledger {ledger}: page 1 is not there yet")
        return real(ledger, after=after)

    system.store.pages = pages  # type: ignore[method-assign]
    closing = system.close_periods()
    first = [one async for one in closing.run(DUE)]
    assert len(first) == 10
    assert system.alerts.messages == []
    again = [one async for one in closing.run(DUE)]
    assert len(again) == 1
    assert system.alerts.messages == [
        f"closing {SICK}: ledger {LEDGERS[SICK]}: page 1 is not there yet"
    ]
