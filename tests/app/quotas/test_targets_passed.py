"""Targets of unit costs that are passed: told once per target and period, harming nobody."""

import json
from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.cli.billing.balance import print_balance
from metering.core.allocation.accrued import NOTHING_ACCRUED
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import DAY, Instant, format_instant
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.effect import EffectKind, describe
from metering.core.plans.plan import read_plan
from metering.documents.billing.balance import BalanceDocument
from tests.builders import AT, NOW, body, outcome_event

type System = Any
type Capture = pytest.CaptureFixture[str]

NOVEMBER = LedgerId("acme", month_of(AT).start)
DECEMBER = LedgerId("acme", month_of(AT).end)
CAP = {"metric": "tokens", "window": "period", "scope": {"model": "gpt-4o"}, "limit": "1000"}


async def put_under(system: System, cost: str | None, **terms: Any) -> None:
    target = {"use_case": "support", "outcome": "ticket_resolved", "cost": cost}
    targets = [] if cost is None else [target]
    plan = read_plan("p", {"id": "team", "targets": targets, **terms})
    await system.tenancy.define_plan(plan, None)
    await system.tenancy.assign_plan("acme", "team", None)
    await system.tenancy.map_subject("sub-1", "acme", None)


async def use(system: System, name: str, tickets: int = 0, at: Instant = AT) -> None:
    """Use 0.0035 USD, 1,000 x 2.50 + 100 x 10 a million, to resolve some tickets."""
    time = format_instant(at)
    made = [body(id=name, time=time, subject="sub-1", data__use_case="support")]
    if tickets:
        event = outcome_event(id=f"o-{name}", time=time, subject="sub-1", data__count=tickets)
        made.append(json.dumps(event).encode())
    await system.ingest.batch([Message(one, "0", number) for number, one in enumerate(made)])


async def told(system: System, ledger: LedgerId = NOVEMBER) -> list[str]:
    assert not (await system.verify.one(ledger)).faults
    found = (await system.app.tenant_alerts.of(ledger)).effects
    return [describe(one) for one in found if one.kind is EffectKind.TARGET]


async def balance_shows_it(system: System, text: str, capsys: Capture) -> None:
    found = await system.read.balance("acme", month_of(AT))
    document = BalanceDocument.of_period(
        "acme", month_of(AT), found, credit=None, accrued=NOTHING_ACCRUED, now=NOW
    )
    (passed,) = document.model_dump()["targets_passed"]
    assert passed == {
        "use_case": "support",
        "outcome": "ticket_resolved",
        "target": "0.0035",
        "cost": "0.00525",
        "amount": "0.0105",
        "outcomes": 2,
    }
    print_balance("acme", month_of(AT), found)
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.endswith(text.partition(": ")[2])


async def test_a_target_is_told_once_a_period_and_again_when_it_is_changed(
    system: System, capsys: Capture
) -> None:
    await put_under(system, "0.0035")
    await use(system, "a")
    # Without outcomes nothing has a unit cost; then 0.0035 for one is not more than the target.
    assert await system.enforce.run() == 0
    await use(system, "b", tickets=2)
    assert (await system.enforce.run(), await told(system)) == (0, [])
    await use(system, "c")
    assert await system.enforce.run() == 1
    (first,) = await told(system)
    assert first == (
        "acme|2026-11-01T00:00:00Z: target passed: 'ticket_resolved' of use case 'support' costs"
        " 0.00525 USD (2 outcomes for 0.0105 USD), more than 0.0035"
    )
    await balance_shows_it(system, first, capsys)
    assert await system.enforce.run() == 0

    await put_under(system, "0.003")
    system.clock.set(NOW + DAY)
    assert (await system.enforce.run(), len(await told(system))) == (1, 2)
    assert (await told(system))[0].endswith("more than 0.003")
    # Back on target and above it again: it has been told.
    await use(system, "d", tickets=9)
    assert await system.enforce.run() == 0

    system.clock.set(NOW + 12 * DAY)
    await use(system, "e", tickets=1, at=NOW + 12 * DAY)
    assert await system.enforce.run() == 1
    (december,) = await told(system, DECEMBER)
    assert "costs 0.0035 USD (1 outcome for 0.0035 USD), more than 0.003" in december
    assert await system.enforce.run() == 0


async def test_a_plan_without_targets_forgets_what_was_told(system: System) -> None:
    await put_under(system, "0.001", low_credit={"percent": 50})
    await use(system, "a", tickets=1)
    assert await system.enforce.run() == 1
    await put_under(system, None)
    system.clock.set(NOW + DAY)
    assert (await system.enforce.run(), await system.enforce.run()) == (1, 0)
    assert (await system.read.balance("acme", month_of(AT))).head.counts.past.targets == ()
    assert len(await told(system)) == 1


async def test_unit_costs_that_cannot_be_read_keep_no_limit_waiting(
    system: System, monkeypatch: Any
) -> None:
    async def broken(*_: Any) -> None:
        raise LedgerBroken("acme|2026-11-01T00:00:00Z", "page 1 is damaged")

    await put_under(system, None)
    await use(system, "a", tickets=1)
    await put_under(system, "0.001", quotas=[CAP])
    system.clock.set(NOW + DAY)
    with monkeypatch.context() as patch:
        patch.setattr(type(system.app.unit_economics), "of_period", broken)
        assert await system.enforce.run() == 1
    stored = await system.store.read_head(NOVEMBER)
    assert [one.used for one in stored.head.counts.used.values()] == [1100]
    assert system.alerts.messages == ["ledger acme|2026-11-01T00:00:00Z: page 1 is damaged"]
    assert await told(system) == []
    # The next run finds what this one could not.
    assert (await system.enforce.run(), len(await told(system))) == (1, 1)
