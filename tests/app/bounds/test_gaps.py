"""What is left out, taken up again and told: the edges of going on without one ledger."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from pydantic_core import from_json

from metering.app.ledger.one_by_one import MAX_UNKNOWN, OneByOne
from metering.core.basics.errors import (
    InvariantBroken,
    LedgerBroken,
    LedgerLagError,
    RetryableError,
)
from metering.core.basics.instants import DAY, format_instant
from metering.core.billing.statement import Statement
from metering.core.calendars.periods import LedgerId, month_of
from metering.core.ledger.commit import Commit, plan_commit
from metering.core.ledger.head import Head
from metering.core.ledger.repair import restored
from metering.core.plans.plan import read_plan
from metering.core.prices.rating import Rate
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.app.bounds.harm import Documents
from tests.app.bounds.test_sizes import ingest
from tests.builders import AT, NOW, body, rating, usage
from tests.systems import RecordedAlerts, System

LEDGER = LedgerId("sub-1", month_of(AT).start)
#: Within the days that a period waits for what is missing, its head is read.
WAITS = month_of(AT).end + 2 * DAY
BIG = 600_000_000_001_000_000

type Make = Callable[..., Awaitable[System]]


def test_a_fault_of_nobody_in_particular_is_raised_after_the_others() -> None:
    alerts, done = RecordedAlerts(), list[str]()
    one_by_one = OneByOne(alerts)
    for name, fault in (("a", RetryableError("gone")), ("b", None), ("c", LedgerBroken("c", "x"))):
        with one_by_one.about(name):
            if fault is not None:
                raise fault
            done.append(name)
    assert done == ["b"]
    assert alerts.messages == ["ledger c: x"]
    assert list(one_by_one.left_out) == ["c"]
    with pytest.raises(RetryableError, match="gone"):
        one_by_one.settle()


def test_a_store_out_of_reach_is_given_up_after_a_few() -> None:
    one_by_one, tried = OneByOne(), 0
    with pytest.raises(RetryableError, match="gone"):  # noqa: PT012, which of them raises is asked
        for name in range(10):
            with one_by_one.about(name):
                tried += 1
                raise RetryableError("gone")
    assert tried == MAX_UNKNOWN


def test_where_nothing_could_be_done_the_first_fault_says_why() -> None:
    one_by_one = OneByOne()
    with one_by_one.about("a"):
        raise LedgerLagError("page 3 is not there yet")
    one_by_one.settle()
    with pytest.raises(LedgerLagError, match="page 3"):
        one_by_one.must_have_some()
    with one_by_one.about("b"):
        pass
    one_by_one.must_have_some()


async def test_a_broken_month_does_not_stop_the_next(
    process: System, make_process: Make, documents: Documents
) -> None:
    october = LEDGER._replace(start=month_of(LEDGER.start - 1).start)
    await ingest(process, body(id="o-1", time="2026-10-20T11:45:00Z"))
    await documents.change_page(october, 1, committed=1)
    await documents.remove_head(october)
    fresh = await make_process()

    async def broken(ledger: LedgerId) -> Any:
        if ledger == october:
            raise LedgerBroken(str(ledger), "it has pages and no head")
        return await read_head(ledger)

    read_head, fresh.store.read_head = fresh.store.read_head, broken  # type: ignore[method-assign]
    assert (await ingest(fresh, body(id="n-1"))).accepted == 1


async def test_periods_that_are_due_are_told_without_the_one_that_cannot_be_read(
    process: System,
) -> None:
    await ingest(process, body(), body(id="r-2", subject="sub-2"))

    async def behind(ledger: LedgerId) -> Any:
        if ledger == LEDGER:
            raise LedgerLagError("page 1 is not there yet")
        return await read_head(ledger)

    read_head, process.store.read_head = process.store.read_head, behind  # type: ignore[method-assign]
    found = [one async for one in process.close_periods().due(WAITS, ["sub-1", "sub-2"])]
    assert [one.reason for one in found] == ["page 1 is not there yet", "due"]


async def test_a_page_beyond_a_gap_may_be_damaged_too(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(5):
        await ingest(process, body(id=f"r-{number}"))
    await documents.change_page(LEDGER, 5, committed=1)
    await documents.remove_page(LEDGER, 3)
    assert (await (await make_process()).verify.one(LEDGER)).faults


async def test_a_page_that_is_damaged_in_another_way_is_not_restored(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(3):
        await ingest(process, body(id=f"r-{number}"))
    await documents.change_page(LEDGER, 2, columns={})
    found = await (await make_process()).app.repair.look(LEDGER)
    assert (found.head.pages, bool(found.damaged)) == (1, True)


async def test_a_page_of_another_chain_is_beyond(
    process: System, make_process: Make, documents: Documents
) -> None:
    for number in range(2):
        await ingest(process, body(id=f"r-{number}"))
    page = await documents.page(LEDGER, 2)
    await documents.remove_page(LEDGER, 2)
    other = await make_process()
    await ingest(other, body(id="r-9"))
    await documents.change_page(LEDGER, 1, previous=page["previous"])
    found = await (await make_process()).app.repair.look(LEDGER)
    assert (found.head.pages, bool(found.damaged)) == (0, True)


async def test_a_ledger_that_lagged_is_priced_at_the_next_look(process: System) -> None:
    await ingest(process, body(data__model="m"))
    process.app.price_unpriced._looks = 1  # noqa: SLF001
    real = process.store.read_head

    async def behind(ledger: LedgerId) -> Any:
        raise LedgerLagError(f"ledger {ledger}: page 1 is not there yet")

    process.store.read_head = behind  # type: ignore[method-assign]
    for _ in range(5):
        assert await process.app.price_unpriced.run() == 0
    process.store.read_head = real  # type: ignore[method-assign]
    assert await process.app.price_unpriced.run() == 0
    assert process.app.price_unpriced._left_out == set()  # noqa: SLF001


async def test_one_event_may_reach_thousands_of_thresholds(process: System) -> None:
    quotas = [
        {"metric": "tokens", "window": "day", "limit": str(10 + n), "thresholds": [*range(1, 101)]}
        for n in range(50)
    ]
    await process.tenancy.define_plan(read_plan("p", {"id": "many", "quotas": quotas}), None)
    await process.tenancy.assign_plan("acme", "many", None)
    await process.tenancy.map_subject("sub-1", "acme", None)
    assert (await ingest(process, body())).effects == 50
    told = [json.loads(one.effect.detail) for one in await process.effects.due(NOW + DAY, 100)]
    assert {one["threshold"] for one in told} == {100}


def rounded(commit: Commit, **changes: Any) -> dict[str, Any]:
    """Return a page as a store of 64-bit floats gave it back when counts were numbers."""
    document: dict[str, Any] = from_json(commit.contents[-1])

    def wrong(value: Any) -> Any:
        return int(float(value))

    columns = document["columns"]["buckets"]
    for name, column in columns.items():
        columns[name] = list(map(wrong, column))
    for item in document["supersedes"]:
        item["buckets"] = {name: wrong(value) for name, value in item["buckets"].items()}
    return document | changes


def priced(one: Usage, _: int) -> tuple[Rate, int]:
    """Rate a meter at 5 for a millionth of its unit."""
    units = (*(None,) * 12, 5)
    return Rate("m", "v", "r", 10**6, units, unit="query"), one.buckets[-1] * 5


def test_amounts_say_what_counts_were_also_of_what_was_superseded() -> None:
    weak = usage("b", evidence=Evidence.TOTALS, buckets=(*(0,) * 12, BIG), digest="x")
    first = plan_commit(Head(LEDGER), {}, [weak], priced, NOW)
    page = first.pages[0]
    full = weak._replace(evidence=Evidence.FULL, buckets=(*(0,) * 12, BIG + 7), digest="y")
    known = {page.slot: {weak.key: (page, 0)}}
    second = plan_commit(first.head, known, [full], priced, NOW)
    for commit in (first, second):
        assert restored(rounded(commit), LEDGER) == commit.pages[0]


def test_what_neither_amount_nor_digest_proves_is_not_restored() -> None:
    counts = (*(0,) * 12, BIG)
    commit = plan_commit(Head(LEDGER), {}, [usage(buckets=counts, model="?")], rating(), NOW)
    assert restored(rounded(commit), LEDGER) is None
    # Another fault beside the rounding: the hash does not prove the result.
    commit = plan_commit(Head(LEDGER), {}, [usage()], rating(), NOW)
    assert restored(rounded(commit, committed=1), LEDGER) is None
    assert restored(rounded(commit), LEDGER) == commit.pages[0]


async def test_an_anchor_has_the_other_ledgers_where_one_lags(process: System) -> None:
    await ingest(process, body(), body(id="r-2", subject="sub-2"))
    real = process.store.read_head

    async def behind(ledger: LedgerId) -> Any:
        if ledger == LEDGER:
            raise LedgerLagError(f"ledger {ledger}: page 1 is not there yet")
        return await real(ledger)

    process.store.read_head = behind  # type: ignore[method-assign]
    anchor = await process.app.anchors.write()
    _, leaves = await process.app.anchors.read(anchor.name)
    assert [one.leaf.name for one in leaves if one.leaf.kind == "ledger"] == [
        f"sub-2|{format_instant(LEDGER.start)}"
    ]
    assert any(str(LEDGER) in message for message in process.alerts.messages)


async def test_an_anchor_has_the_statements_of_others_where_one_tenants_cannot_be_read(
    process: System,
) -> None:
    await ingest(process, body(), body(id="r-2", subject="sub-2"))
    await process.close(month_of(AT).end + 5 * DAY)
    real = process.app.stores.statements.statements

    async def broken(tenant: str) -> AsyncIterator[Statement]:
        async for one in real(tenant):
            if tenant == "sub-1":
                raise InvariantBroken("the statement of sub-1 is not as it was written")
            yield one

    process.statements.statements = broken  # type: ignore[attr-defined]
    anchor = await process.app.anchors.write()
    _, leaves = await process.app.anchors.read(anchor.name)
    named = [one.leaf.name for one in leaves if one.leaf.kind == "statement"]
    assert named == [f"sub-2|{format_instant(LEDGER.start)}"]
    assert any("statement of sub-1" in message for message in process.alerts.messages)
