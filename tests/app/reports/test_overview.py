"""All tenants at a glance: what each used, and how it stands towards what limits it."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message
from metering.app.reports.overview import Overview
from metering.core.basics.instants import DAY
from metering.core.basics.money import format_amount
from metering.core.plans.plan import read_plan
from metering.core.reports.board import Standing
from metering.core.tenancy.grant_records import GrantOffer
from tests.builders import NOW, body

type System = Any


def overview(system: System) -> Overview:
    return Overview(
        before=system.app.ledgers_before,
        accruals=system.app.accruals,
        ledgers=system.store,
        tenancy=system.tenancy,
        credit=system.credits,
        clock=system.clock,
    )


async def limited(system: System, tenant: str, **plan: Any) -> None:
    made = read_plan("p", {"id": f"of-{tenant}", **plan})
    await system.tenancy.define_plan(made, None)
    await system.tenancy.assign_plan(tenant, made.id, None)
    await system.tenancy.map_subject(f"sub-{tenant}", tenant, None)


async def use(system: System, tenant: str, requests: int) -> None:
    await system.ingest.batch(
        [
            Message(body(id=f"r-{number}", subject=f"sub-{tenant}"), "0", number)
            for number in range(requests)
        ]
    )


@pytest.mark.parametrize(
    ("used", "standing"),
    [
        (0, Standing.WITHIN),
        (3, Standing.WITHIN),
        (4, Standing.NEAR),
        (5, Standing.OVER),
        (6, Standing.OVER),
    ],
)
async def test_a_tenant_is_near_its_limit_from_four_fifths_of_it_on(
    system: System, used: int, standing: Standing
) -> None:
    quotas = [
        {"metric": "requests", "window": "period", "limit": "100"},
        {"metric": "requests", "window": "day", "limit": "5", "action": "block"},
    ]
    await limited(system, "acme", quotas=quotas)
    await use(system, "acme", used)
    (found,) = await overview(system).of(["acme"])
    assert found.standing == standing
    assert found.balance.total.requests == used
    assert found.nearest is not None
    assert found.nearest.percent == used * 20


async def test_without_quotas_nothing_limits_a_tenant(system: System) -> None:
    await limited(system, "acme")
    await use(system, "acme", 2)
    (found,) = await overview(system).of(["acme"])
    assert (found.standing, found.nearest, found.credit) == (Standing.UNLIMITED, None, None)
    # 2 x 0.0035 in 19.5 of 30 days.
    assert format_amount(found.trend.projected) == "0.010769230769230769"


async def test_a_prepaid_tenant_is_over_when_its_credit_is_used_up(
    system: System,
) -> None:
    await limited(system, "acme", billing="prepaid")
    look = overview(system)
    (empty,) = await look.of(["acme"])
    assert empty.standing == Standing.OVER
    offer = GrantOffer(
        tenant="acme", amount="0.01", expiry=NOW + 90 * DAY, id="g", reason="", author="ada"
    )
    await system.tenancy.add_grant(offer)
    (paid,) = await look.of(["acme"])
    assert paid.standing == Standing.WITHIN
    await use(system, "acme", 3)
    (used_up,) = await look.of(["acme"])
    assert used_up.standing == Standing.OVER


async def test_it_costs_one_head_a_tenant(system: System) -> None:
    for tenant in ("acme", "globex", "initech"):
        await limited(system, tenant)
    read: list[str] = []
    read_head = system.store.read_head

    async def noted(ledger: Any) -> Any:
        read.append(ledger.tenant)
        return await read_head(ledger)

    system.store.read_head = noted
    found = await overview(system).of(["globex", "acme"])
    assert [one.tenant for one in found] == ["globex", "acme"]
    assert sorted(read) == ["acme", "globex"]
