"""Who pays: recorded by append, the same for every process, and never twice."""

from collections.abc import Callable
from typing import Any

import pytest

from metering.app.tenancy import tenancy as tenancy_module
from metering.core.basics.errors import ConfigurationError, RetryableError
from metering.core.basics.instants import DAY, MINUTE
from metering.core.calendars.dated import BEGINNING
from metering.core.plans.plan import Plan
from metering.core.tenancy.tenants_file import TenantsFile, read_tenants_file
from tests.builders import NOW, price_rows

type System = Any

PLUS = Plan(id="plus", markup="0.15")
#: The first instant that no event accepted so far can have.
SOON = NOW + 5 * MINUTE


def file(**content: Any) -> TenantsFile:
    return read_tenants_file("t.yaml", content)


async def records(system: System) -> list[Any]:
    return list(await system.registry.read_records(0))


async def test_a_new_subscription_is_mapped_from_the_beginning_and_a_known_one_soon(
    system: System,
) -> None:
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.tenancy.map_subject("sub-1", "globex", None, move=True)
    assert [(r.value, r.effective) for r in await records(system)] == [
        ("acme", BEGINNING),
        ("globex", SOON),
    ]


async def test_what_already_holds_is_not_recorded_again(system: System) -> None:
    content = file(
        plans=[{"id": "plus", "markup": "0.15"}],
        tenants=[{"id": "acme", "plan": "plus", "subscriptions": ["sub-1"]}],
    )
    await system.tenancy.take_over(content)
    await system.tenancy.take_over(content)
    assert len(await records(system)) == 3


async def test_two_processes_that_record_at_once_both_succeed(
    system: System, make_system: Callable[..., System]
) -> None:
    other = make_system()
    await other.tenancy.refresh()
    await system.tenancy.map_subject("sub-1", "acme", None)
    await other.tenancy.map_subject("sub-2", "acme", None)
    assert [record.key for record in await records(system)] == ["sub-1", "sub-2"]


async def test_two_processes_give_an_unknown_subscription_one_tenant(
    system: System, make_system: Callable[..., System]
) -> None:
    other = make_system()
    await other.tenancy.refresh()
    first = await system.tenancy.terms("sub-1", NOW)
    second = await other.tenancy.terms("sub-1", NOW)
    assert first.ledger == second.ledger
    assert len(await records(system)) == 1


async def test_an_append_that_loses_every_race_is_given_up(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenancy_module, "_MAX_RACES", 0)
    with pytest.raises(RetryableError, match="too many concurrent changes"):
        await system.tenancy.map_subject("sub-1", "acme", None)


async def test_a_race_lost_between_looking_and_appending_is_decided_anew(
    system: System, make_system: Callable[..., System], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make_system()
    await system.tenancy.refresh()
    refresh = tenancy_module.Tenancy.refresh
    ahead = ["sub-9", "sub-8"]

    async def late(tenancy: tenancy_module.Tenancy) -> None:
        await refresh(tenancy)
        if ahead and tenancy is system.tenancy:
            await other.tenancy.map_subject(ahead.pop(), "globex", None)

    monkeypatch.setattr(tenancy_module.Tenancy, "refresh", late)
    await system.tenancy.map_subject("sub-1", "acme", None)
    assert [record.key for record in await records(system)] == ["sub-8", "sub-9", "sub-1"]


async def test_a_plan_in_a_currency_without_prices_is_refused(system: System) -> None:
    with pytest.raises(ConfigurationError, match="no prices in EUR"):
        await system.tenancy.define_plan(Plan(id="euro", currency="EUR"), None)


async def test_a_plan_that_names_an_unknown_model_is_refused_with_its_place(
    system: System,
) -> None:
    named = Plan(id="some", allowed_models=("gpt-4o", "gpt-4-o"))
    complaint = r"plan 'some': allowed_models.1: the price book has no model 'gpt-4-o'"
    with pytest.raises(ConfigurationError, match=complaint):
        await system.tenancy.define_plan(named, None)
    await system.tenancy.define_plan(named.model_copy(update={"allowed_models": ("gpt-4o",)}), None)


async def test_a_plan_changes_from_now_on(system: System) -> None:
    await system.tenancy.define_plan(PLUS, None)
    await system.tenancy.define_plan(PLUS, None)
    dearer = PLUS.model_copy(update={"markup": "0.2"})
    await system.tenancy.define_plan(dearer, NOW + DAY)
    assert [(r.kind, r.effective) for r in await records(system)] == [
        ("plan", BEGINNING),
        ("plan", NOW + DAY),
    ]


async def test_a_known_tenant_changes_its_plan_from_now_on(system: System) -> None:
    await system.tenancy.define_plan(PLUS, None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.tenancy.assign_plan("acme", "plus", None)
    await system.tenancy.assign_plan("acme", "plus", None)
    assert [r.effective for r in await records(system) if r.kind == "tenant_plan"] == [SOON]
    assert system.tenancy.directory.plan_of("acme", SOON - 1)[0].id == "default"


async def test_a_tenants_file_is_taken_over_before_the_first_answer(
    system: System,
) -> None:
    content = file(tenants=[{"id": "acme", "subscriptions": ["sub-1"]}])
    made = tenancy_module.Tenancy(
        registry=system.registry,
        price_store=system.prices,
        clock=system.clock,
        committed=price_rows(),
        automatic=False,
        file=content,
    )
    await made.refresh()
    assert (await made.terms("sub-1", NOW)).ledger.tenant == "acme"


async def test_a_tenants_file_at_the_start_never_undoes_what_was_decided_since(
    system: System,
) -> None:
    content = file(
        plans=[{"id": "plus", "markup": "0.15"}],
        tenants=[{"id": "acme", "plan": "plus", "subscriptions": ["sub-1"]}],
    )
    await system.tenancy.take_over(content, changes=False)
    await system.tenancy.map_subject("sub-1", "globex", None, move=True)
    await system.tenancy.assign_plan("acme", "default", None)
    before = await records(system)
    system.clock.set(NOW + DAY)
    await system.tenancy.take_over(content, changes=False)
    assert await records(system) == before
    await system.tenancy.take_over(content, move=True)
    assert len(await records(system)) == len(before) + 2


async def test_a_plan_that_changes_costs_an_event_ahead_of_the_clock_the_same_in_any_order(
    system: System,
) -> None:
    await system.tenancy.define_plan(PLUS, None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    ahead = NOW + 5 * MINUTE - 1
    before = (await system.tenancy.terms("sub-1", ahead)).plan
    await system.tenancy.assign_plan("acme", "plus", None)
    assert (await system.tenancy.terms("sub-1", ahead)).plan == before
    assert (await system.tenancy.terms("sub-1", SOON)).plan == PLUS


async def test_a_plan_names_a_model_as_entries_do(system: System) -> None:
    alias = Plan(id="some", allowed_models=("gpt-4o-2024-11-20",))
    with pytest.raises(ConfigurationError, match="'gpt-4o-2024-11-20' is an alias: write 'gpt-4o'"):
        await system.tenancy.define_plan(alias, None)


async def test_nobody_may_read_a_tenant_that_there_is_not(system: System) -> None:
    member = "user:11111111-2222-3333-4444-555555555555"
    with pytest.raises(ConfigurationError, match="unknown tenant 'acme'"):
        await system.tenancy.set_member(member, "acme")
    await system.tenancy.map_subject("sub-1", "acme", None)
    await system.tenancy.set_member(member, "acme")
    assert system.tenancy.directory.members.tenant_of(member, NOW) == "acme"
