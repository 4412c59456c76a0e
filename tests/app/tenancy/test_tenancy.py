"""Who pays: recorded by append, the same for every process, and never twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from metering.app.hubs.batch import Message
from metering.app.tenancy import tenancy as tenancy_module
from metering.core.basics.errors import (
    Code,
    ConfigurationError,
    RetryableError,
    StaleRevisionError,
)
from metering.core.basics.instants import DAY, MINUTE
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import month_of
from metering.core.plans.plan import Plan
from metering.core.tenancy.record import Record
from metering.core.tenancy.tenants_file import TenantsFile, read_tenants_file
from metering.ports import RegistryStore
from tests.builders import NOW, body, price_rows

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


class SlowRegistry:
    """The registry across a network: counts reads, and lets others run between call and answer."""

    def __init__(self, inner: RegistryStore) -> None:
        self.inner = inner
        self.reads = 0

    async def read_records(self, after: int) -> list[Record]:
        self.reads += 1
        found = await self.inner.read_records(after)
        await asyncio.sleep(0.001)
        return found

    async def append_record(self, record: Record, expected: int) -> bool:
        done = await self.inner.append_record(record, expected)
        await asyncio.sleep(0.005)
        return done


@pytest.fixture(name="registry")
def slow_registry(system: System) -> SlowRegistry:
    made = SlowRegistry(system.registry)
    system.tenancy.registry = made
    return made


async def test_what_asks_all_the_time_reads_the_registry_every_three_seconds(
    system: System, registry: SlowRegistry, make_system: Callable[..., System]
) -> None:
    now_s = 100.0
    system.tenancy.elapsed_s = lambda: now_s
    await asyncio.gather(*(system.read.balance("acme", month_of(NOW)) for _ in range(20)))
    assert registry.reads == 1
    await make_system().tenancy.map_subject("sub-1", "acme", None)
    now_s = 102.9
    assert await system.read.tenants() == []
    now_s = 103.0
    assert await system.read.tenants() == ["acme"]
    assert registry.reads == 2


@pytest.mark.usefixtures("registry")
async def test_a_change_is_decided_on_what_the_store_has_now(
    system: System, make_system: Callable[..., System]
) -> None:
    await system.read.tenants()
    await make_system().tenancy.map_subject("sub-1", "acme", None)
    with pytest.raises(StaleRevisionError):
        await system.tenancy.map_subject("sub-1", "globex", None, expected=0)
    assert system.tenancy.directory.tenants() == ["acme"]


@pytest.mark.usefixtures("registry")
async def test_records_that_two_callers_read_at_once_are_applied_once(
    system: System, make_system: Callable[..., System]
) -> None:
    await make_system().tenancy.map_subject("sub-1", "acme", None)
    await asyncio.gather(*(system.tenancy.refresh() for _ in range(3)))
    assert system.tenancy.directory.version == 1
    # Between the append and its answer another caller reads what was appended.
    change = asyncio.create_task(system.tenancy.map_subject("sub-2", "acme", None))
    while system.tenancy.directory.version == 1:
        await system.tenancy.refresh()
    await change
    assert system.tenancy.directory.version == 2
    await make_system().tenancy.map_subject("sub-3", "acme", None)
    await system.tenancy.refresh()
    assert system.tenancy.directory.knows("sub-3")


async def test_no_event_is_refused_or_given_a_tenant_on_the_word_of_an_old_directory(
    make_system: Callable[..., System],
) -> None:
    system, other = make_system(automatic=False), make_system()
    registry = system.tenancy.registry = SlowRegistry(system.registry)
    await system.ingest.batch([])
    await other.tenancy.map_subject("sub-1", "acme", None)
    messages = [Message(body(id=f"r-{n}"), "0", n) for n in range(50)]
    strangers = [Message(body(id=f"s-{n}", subject=f"x-{n}"), "0", n) for n in range(50)]
    tally = await system.ingest.batch([*messages, *strangers])
    assert (tally.accepted, tally.rejected) == (50, {Code.UNKNOWN_SUBSCRIPTION: 50})
    # One read for the batch, however many strangers are in it; none for those who are known.
    assert registry.reads == 2
    await system.ingest.batch([Message(body(id="r-51"), "0", 51)])
    assert registry.reads == 2
