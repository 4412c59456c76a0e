"""Provisioned capacity of ten tenants, one of whose ledgers is sick: the others go on.

Six tenants use `chat`, the sick one among them, two use `solo`, and two use neither.
"""

from typing import Any

import pytest

from metering.app.exports.deliver_exports import LEFT_OUT
from metering.core.basics.instants import DAY, HOUR
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import Days
from metering.core.calendars.windows import Window as Span
from metering.core.costs.query import cost_query
from metering.core.deployments.deployment import Deployment, Provisioned
from metering.core.exports.delivery_manifest import PROVISIONAL, Window
from metering.core.plans.plan import read_plan
from tests.app.bounds.harm import Documents
from tests.app.bounds.ten import (
    LEDGERS,
    PERIOD,
    REFUSED,
    SICK,
    TENANTS,
    Make,
    is_told,
    refuse,
    subject,
)
from tests.app.bounds.test_sizes import ingest
from tests.app.exporting import content_of
from tests.builders import NOW, body
from tests.systems import MovableClock, System

CHAT, SOLO, NEITHER = TENANTS[2:8], TENANTS[:2], TENANTS[8:]
NOVEMBER = Span(PERIOD.start, PERIOD.end)
DUE = PERIOD.end + 5 * DAY
#: Two hours of 60 shared by six are 20 each; without the sick one's part they would be 22.
QUOTA = {
    "metric": "amount",
    "window": "period",
    "limit": "21",
    "action": "block",
    "include_provisioned": True,
}


def units(name: str, price: str) -> Deployment:
    return Deployment(
        name=name,
        model="gpt-4o",
        deployment_type="provisioned",
        provisioned=Provisioned(units=1, hourly_price=price, scope="global"),
    )


def on_capacity(name: str, of: dict[str, list[str]], **changes: Any) -> list[bytes]:
    return [
        body(
            id=f"{name}-{tenant}",
            subject=subject(tenant),
            data__deployment=deployment,
            data__deployment_type=...,
            **changes,
        )
        for deployment, tenants in of.items()
        for tenant in tenants
    ]


@pytest.fixture(params=["broken", "restored", "headless", "full", "oversized"])
def harm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def sick_user(
    make_process: Make, documents: Documents, harm: str, kind: str, request: pytest.FixtureRequest
) -> System:
    """Return a fresh process after the harm, an hour after the last accrual before it."""
    if kind == "sqlite" and harm in REFUSED:
        pytest.skip("a file has neither partitions nor a bound on documents")
    healthy = await make_process(MovableClock(NOW))
    await healthy.tenancy.define_plan(read_plan("p", {"id": "capped", "quotas": [QUOTA]}), None)
    for deployment in (units("chat", "60"), units("solo", "10")):
        await healthy.tenancy.define_deployment(deployment, None)
    for tenant in TENANTS:
        await healthy.tenancy.map_subject(subject(tenant), tenant, None)
        await healthy.tenancy.assign_plan(tenant, "capped", None)
    await ingest(healthy, *on_capacity("u", {"chat": CHAT, "solo": SOLO}))
    for page in range(3):
        await ingest(healthy, *(body(id=f"r-{page}-{t}", subject=subject(t)) for t in TENANTS))
    assert await healthy.app.accruals.run() == 2
    ledger = LEDGERS[SICK]
    stored = await healthy.store.read_head(ledger)
    assert stored is not None
    # So that the head can be read beside a page that cannot.
    await healthy.store.write_checkpoint(stored.head)
    if harm == "broken":
        await documents.change_page(ledger, 4, committed=1)
    elif harm == "restored":
        await documents.remove_page(ledger, 3)
    elif harm == "headless":
        await documents.remove_head(ledger)
    else:
        refuse(request.getfixturevalue("peer"), harm)
    fresh = await make_process(MovableClock(NOW + HOUR))
    # An hour in which the sick one cannot be seen.
    await ingest(
        fresh,
        *on_capacity("v", {"chat": [t for t in CHAT if t != SICK]}, time="2026-11-20T12:15:00Z"),
    )
    return fresh


async def test_accruals_admission_and_reports(sick_user: System, harm: str) -> None:
    system, app = sick_user, sick_user.app
    is_read = harm in REFUSED
    assert await app.accruals.run() == 2
    assert is_read or is_told(system)
    found = await app.accruals.in_period("t-2", PERIOD)
    # 60 by six, and an hour of 60 in which the sick one keeps its sixth; without it, by five.
    assert format_amount(found.within(NOVEMBER)) == ("22" if is_read else "20")
    assert (found.at, found.is_complete, found.unknown) == (NOW + HOUR, is_read, ())
    for tenant in NEITHER:
        assert (await app.accruals.in_period(tenant, PERIOD)).shares == ()
    # Nobody else is blocked: what the sick one used is still counted as its own.
    verdict = (await system.admission().of(subject("t-2"))).overall.verdict
    assert verdict == ("block" if is_read else "allow")
    assert (await app.forecasts.of("t-2")).provisioned.accrued.is_complete == is_read
    seen = {one.tenant: one for one in await app.overview.of(TENANTS)}
    assert {tenant for tenant, one in seen.items() if one.fault is not None} <= {SICK}
    asked = await app.billing.what_if.ask("t-2", PERIOD, models={}, plan_id=None, rows=())
    assert ("usage of provisioned capacity that cannot be read at present" in asked.left_out) == (
        not is_read
    )
    assert (await app.unit_economics.of_period("t-2", PERIOD)).use_cases
    assert await system.credits.where_used("t-2") is None
    draft = await system.read_statements.draft("t-2", PERIOD)
    reasons = [line.reason for line in draft.statement.lines if line.kind == "ptu_share"]
    state = "provisional" if is_read else "provisional and incomplete"
    assert reasons == [f"{state}, accrued until 2026-11-20T13:00:00Z"]
    (fault,) = [one for one in await app.status.run() if "person" in one.question]
    assert fault.figure == (0 if is_read else 1)
    assert ("chat in 2026-11" in fault.remedy) == (not is_read)


async def test_costs_and_exports(sick_user: System, harm: str) -> None:
    app, is_read = sick_user.app, harm in REFUSED
    days = Days("2026-11-01", "2026-12-01")
    report = await app.costs.of(cost_query(days, ("deployment",), ()), 100)
    costs = {row.group[0]: format_amount(row.sums.cost) for row in report.rows}
    # 469 hours begun by 13:00 of the 20th, since they cost from the start of the month.
    assert (costs["chat"], costs["solo"]) == ("28140", "4690")
    assert (str(LEDGERS[SICK]) in report.left_out) == (not is_read)
    assert ("chat" in report.incomplete) == (not is_read)
    own = await app.costs.of(cost_query(days, ("model",), (("tenant", "t-2"),)), 100)
    assert (own.left_out, own.incomplete) == ({}, () if is_read else ("chat",))
    focus = app.billing.reports.focus(Window(PERIOD.name), provisional=True)
    rows = [b"".join([c.content async for c in content_of(one)]) async for one in focus.files()]
    text = b"".join(rows).decode()
    assert all(f"{tenant}" in text for tenant in set(TENANTS) - {SICK})
    notes = focus.notes()
    assert PROVISIONAL in notes
    assert (LEFT_OUT in notes) == (not is_read)
    assert ("chat" in notes.get("incomplete", "")) == (not is_read)


async def test_closing(sick_user: System, make_process: Make, harm: str) -> None:
    system = sick_user
    closed, waiting = await system.close(DUE)
    # Without its head, it may have used any deployment.
    users = [*CHAT, *SOLO] if harm == "headless" else CHAT
    expected = [] if harm in REFUSED else users
    assert [one.tenant for one in waiting] == sorted(expected)
    assert [one.tenant for one in closed] == sorted(set(TENANTS) - set(expected))
    if harm in REFUSED:
        return
    reasons = {one.tenant: one.reason for one in waiting if one.tenant != SICK}
    assert reasons["t-2"] == (
        "the cost of chat in 2026-11 cannot be divided yet: usage of it cannot be read"
    )
    assert not any(SICK in reason for reason in reasons.values())
    assert any(
        SICK in message and "the cost of chat in 2026-11" in message
        for message in system.alerts.messages
    )
    await system.app.repair.apply(LEDGERS[SICK], lambda _: None, cut=harm == "broken")
    repaired = await make_process(MovableClock(NOW + HOUR))
    lost = [body(id=f"r-{page}-{SICK}", subject=subject(SICK)) for page in range(3)]
    await ingest(repaired, *lost)
    closed, waiting = await repaired.close(DUE)
    assert (sorted(one.tenant for one in closed), waiting) == (sorted(users), [])
