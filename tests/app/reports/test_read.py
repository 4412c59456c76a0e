"""Reading: balances and breakdowns as committed."""

from typing import Any

from metering.app.ingest.ingest import Message
from metering.core.basics.money import format_amount
from metering.core.calendars.periods import LedgerId, month_of, parse_month
from metering.core.plans.plan import Plan
from tests.builders import AT, body

type System = Any


async def ingest(system: System, *bodies: bytes) -> None:
    await system.ingest.batch([Message(content, "0", 0) for content in bodies])


async def test_a_tenant_without_usage_has_a_balance_of_zero(system: System) -> None:
    await system.tenancy.map_subject("sub-1", "acme", None)
    balance = await system.read.balance("acme", month_of(AT))
    assert (balance.amount, balance.total.requests, balance.currency) == (0, 0, "USD")
    assert await system.read.knows("acme")
    assert not await system.read.knows("globex")


async def test_a_balance_is_charged_under_the_plan_at_the_start_of_its_period(
    system: System,
) -> None:
    await system.tenancy.define_plan(Plan(id="fee", base_fee="10"), None)
    await system.tenancy.assign_plan("acme", "fee", None)
    await system.tenancy.map_subject("sub-1", "acme", None)
    dearer = Plan(id="fee", base_fee="20")
    await system.tenancy.define_plan(dearer, parse_month("2026-12").start)
    await ingest(system, body())
    balance = await system.read.balance("acme", month_of(AT))
    # 0.0035 of usage and the base fee of November.
    assert (format_amount(balance.amount), format_amount(balance.charge.total)) == (
        "0.0035",
        "10.0035",
    )
    december = await system.read.balance("acme", parse_month("2026-12"))
    assert format_amount(december.charge.total) == "20"


async def test_the_period_shown_is_the_last_with_usage_or_the_present_one(system: System) -> None:
    await system.tenancy.map_subject("sub-1", "acme", None)
    assert await system.read.latest_period("acme") == parse_month("2026-11")
    await ingest(system, body(time="2026-09-03T00:00:00Z"))
    assert await system.read.latest_period("acme") == parse_month("2026-09")


async def test_usage_is_broken_down_from_the_pages(system: System) -> None:
    await ingest(system, body(data__use_case="a"), body(id="r-2", data__use_case="b"))
    await ingest(system, body(id="r-3", data__use_case="b"))
    rows = await system.read.usage("sub-1", month_of(AT), ("use_case",))
    assert [(row.group, row.line.requests, row.amount) for row in rows] == [
        (("a",), 1, 3_500_000_000_000_000),
        (("b",), 2, 7_000_000_000_000_000),
    ]


async def test_a_ledger_that_does_not_exist_is_proven_empty(system: System) -> None:
    verdict = await system.verify.one(LedgerId("acme", month_of(AT).start))
    assert (verdict.pages, verdict.faults) == (0, ())


async def test_pages_beyond_the_head_that_was_read_wait_for_the_next_proof(system: System) -> None:
    await ingest(system, body())
    head = await system.store.read_head(LedgerId("sub-1", month_of(AT).start))
    await ingest(system, body(id="r-2"))
    store, before = system.store, system.store.read_head

    async def earlier(_: LedgerId) -> Any:
        return head

    store.read_head = earlier
    verdict = await system.verify.one(LedgerId("sub-1", month_of(AT).start))
    store.read_head = before
    assert (verdict.pages, verdict.faults) == (1, ())


async def test_the_balance_is_broken_down_by_model_dearest_first(system: System) -> None:
    await ingest(system, body(data__model="gpt-99"), body(id="r-2"))
    balance = await system.read.balance("sub-1", month_of(AT))
    assert [(model.model, model.amount) for model in balance.models] == [
        ("gpt-4o", 3_500_000_000_000_000),
        ("gpt-99", None),
    ]


async def test_pages_without_a_head_are_a_fault_and_not_an_empty_ledger(system: System) -> None:
    await ingest(system, body())
    await system.database.write(lambda connection: connection.execute("DELETE FROM heads"))
    (ledger,) = await system.verify.ledgers()
    assert "it has pages and no head" in (await system.verify.one(ledger)).faults
