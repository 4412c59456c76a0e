"""Which subscriptions quotas want suspended: from present heads and the clock, and nothing else."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.quotas.desired_states import QuotasWantSuspended
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import LedgerId
from metering.core.plans.plan import read_plan
from metering.core.quotas.suspension import Desired, Phase, Suspension
from tests.builders import NOW, body

type System = Any

CAP = {"metric": "requests", "window": "day", "limit": "1", "action": "block"}


async def on_plan(system: System, *quotas: dict[str, Any], suspend: bool = True) -> None:
    written = {"id": "capped", "quotas": list(quotas), "suspend": suspend}
    await system.tenancy.define_plan(read_plan("p", written), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    for subject in ("sub-1", "sub-2", "app:client"):
        await system.tenancy.map_subject(subject, "acme", None)
    await system.ingest.batch([Message(body(), "0", 0)])


def wanted(system: System) -> QuotasWantSuspended:
    return QuotasWantSuspended(
        before=system.app.ledgers_before,
        accruals=system.app.accruals,
        ledgers=system.store,
        suspensions=system.suspensions,
        tenancy=system.tenancy,
        alerts=system.alerts,
    )


async def test_a_block_on_everything_wants_every_subscription_of_the_tenant(
    system: System,
) -> None:
    await on_plan(system, CAP)
    found = await wanted(system).desired_states(NOW)
    reason = "acme: requests a day: the limit of 1 is reached"
    assert found == dict.fromkeys(["sub-1", "sub-2"], Desired(is_suspended=True, reason=reason))


async def test_the_next_window_gives_them_back(system: System) -> None:
    await on_plan(system, CAP)
    assert await wanted(system).desired_states(NOW + DAY) == {}


@pytest.mark.parametrize(
    "quota",
    [
        {**CAP, "limit": "2"},
        {**CAP, "mode": "shadow"},
        {**CAP, "action": "notify"},
        {**CAP, "scope": {"model": "gpt-4o"}},
    ],
)
async def test_nothing_less_suspends_anybody(system: System, quota: dict[str, Any]) -> None:
    await on_plan(system, quota)
    assert await wanted(system).desired_states(NOW) == {}


async def test_a_plan_that_does_not_ask_for_it_suspends_nobody(system: System) -> None:
    await on_plan(system, CAP, suspend=False)
    assert await wanted(system).desired_states(NOW) == {}


async def test_a_tenant_without_usage_is_not_suspended(system: System) -> None:
    await system.tenancy.define_plan(read_plan("p", {"id": "capped", "suspend": True}), None)
    await system.tenancy.assign_plan("acme", "capped", None)
    assert await wanted(system).desired_states(NOW) == {}


async def test_of_a_broken_ledger_what_is_suspended_stays_so(system: System) -> None:
    await on_plan(system, CAP)
    held = Suspension("sub-1", Phase.SUSPENDED, "as it was", NOW, NOW)
    await system.suspensions.put_suspension(held, None)

    async def read_head(ledger: LedgerId) -> Any:
        raise LedgerBroken(str(ledger), "is damaged")

    system.store.read_head = read_head
    found = await wanted(system).desired_states(NOW)
    assert found == {"sub-1": Desired(is_suspended=True, reason="as it was")}
    assert len(system.alerts.messages) == 1
