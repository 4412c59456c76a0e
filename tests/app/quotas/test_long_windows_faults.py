"""Weeks, quarters and years: what breaks, races or goes wrong around earlier ledgers."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.ledger.earlier_ledgers import LedgersBefore
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import HOUR, MINUTE, format_instant
from metering.core.calendars.periods import LedgerId
from metering.core.plans.plan import read_plan
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


async def test_a_broken_ledger_before_keeps_the_present_one_from_nothing(system: System) -> None:
    await on_plan(system, CAP)
    await use(system, "a", NOW)
    system.clock.set(IN_DECEMBER)
    real = system.store.read_head

    async def read_head(ledger: LedgerId) -> Any:
        if ledger == NOVEMBER:
            raise LedgerBroken(str(ledger), "is damaged")
        return await real(ledger)

    system.store.read_head = read_head
    assert await verdict(system) == ("allow", "2200")
    await use(system, "b", IN_DECEMBER)
    await system.enforce.run()
    assert await verdict(system) == ("allow", "1100")
    # A new quota waits until the ledger is repaired: its sum would stay wrong.
    again = {**CAP, "limit": "2000"}
    await system.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [again]}), None)
    system.clock.set(IN_DECEMBER + 6 * MINUTE)
    assert await system.enforce.run() == 0
    assert system.alerts.messages == [f"ledger {DECEMBER}: ledger {NOVEMBER}: is damaged"]
    system.store.read_head = real
    assert await system.enforce.run() == 1
    assert await verdict(system) == ("block", "0")
    await proven(system)


async def test_a_page_before_that_is_not_there_yet_is_waited_for(system: System) -> None:
    await on_plan(system, CAP)
    await use(system, "a", NOW)
    system.clock.set(IN_DECEMBER)
    await use(system, "b", IN_DECEMBER)
    await use(system, "late", NOW + MINUTE)
    system.store.absent = {1}
    assert await system.enforce.run() == 0
    system.store.absent = set()
    assert await system.enforce.run() == 1
    assert (await counted(system))["quarter", "tokens a quarter", OCTOBER] == 3300


async def test_two_timers_at_once_add_a_late_page_once(make_system: System) -> None:
    one, other = make_system(), make_system()
    await on_plan(one, CAP)
    for system in (one, other):
        system.clock.set(IN_DECEMBER)
    await use(one, "b", IN_DECEMBER)
    await use(one, "late", NOW)
    real = other.store.commit

    async def commit(commit: Any) -> None:
        other.store.commit = real
        assert await one.enforce.run() == 1
        await real(commit)

    other.store.commit = commit
    assert await other.enforce.run() == 0
    assert (await counted(one))["quarter", "tokens a quarter", OCTOBER] == 2200
    assert (await told(one)).total() == 1


async def test_after_a_wrong_clock_earlier_ledgers_are_counted_again(system: System) -> None:
    await on_plan(system, CAP)
    await use(system, "a", NOW)
    waiting = body(id="s", time=format_instant(NOW), data__tokens="pending", data__usage=None)
    await system.ingest.batch([Message(waiting, "0", 0)])
    system.clock.set(IN_DECEMBER)
    await use(system, "b", IN_DECEMBER)
    waiting = body(
        id="t", time=format_instant(IN_DECEMBER), data__tokens="pending", data__usage=None
    )
    await system.ingest.batch([Message(waiting, "0", 0)])
    told_before = await told(system)
    system.clock.set(IN_DECEMBER + 3 * HOUR)
    await use(system, "c", IN_DECEMBER)
    system.clock.set(IN_DECEMBER + MINUTE)
    assert await system.enforce.run() == 1
    assert (await counted(system))["quarter", "tokens a quarter", OCTOBER] == 3300
    assert await told(system) == told_before
    assert not (await system.verify.one(DECEMBER)).faults


async def test_what_is_remembered_of_earlier_ledgers_is_bounded(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("metering.app.ledger.earlier_ledgers._MAX_REMEMBERED", 1)
    await on_plan(system, CAP)
    await use(system, "a", NOW)
    before = LedgersBefore(system.store, system.tenancy.directory.period_at)
    found = [await before.last(ledger, OCTOBER, NOW) for ledger in (DECEMBER, NOVEMBER, DECEMBER)]
    assert [head and head.ledger for head in found] == [NOVEMBER, None, NOVEMBER]


async def test_all_who_read_share_what_is_known_of_earlier_ledgers(system: System) -> None:
    await on_plan(system, {**CAP, "window": "year"}, suspend=True)
    system.clock.set(IN_DECEMBER)
    read: list[LedgerId] = []
    real = system.store.read_head

    async def read_head(ledger: LedgerId) -> Any:
        read.append(ledger)
        return await real(ledger)

    system.store.read_head = read_head
    await verdict(system)
    # The eleven months before it, none of which has usage.
    assert len([one for one in read if one.start < DECEMBER.start]) == 11
    read.clear()
    await system.app.overview.of(["acme"])
    await system.app.forecasts.of("acme")
    await system.app.tenant_alerts.of(DECEMBER)
    await verdict(system)
    assert set(read) == {DECEMBER}
    # Remembered for a minute; limits on other windows look for themselves.
    await use(system, "late", NOW)
    assert await verdict(system) == ("allow", "2200")
    found = await system.app.ledgers_before.last(DECEMBER, OCTOBER, IN_DECEMBER)
    assert found is not None
    assert found.ledger == NOVEMBER
