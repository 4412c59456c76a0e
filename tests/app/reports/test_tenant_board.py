"""The board of all tenants: what it reads, how often, and what happens where it cannot."""

import asyncio
from typing import Any

import pytest

from metering.app.reports.tenant_board import TenantBoard
from metering.core.basics.errors import RetryableError
from metering.core.reports.board import BoardQuery, Standing
from tests.app.reports.test_overview import limited, overview, use

type System = Any

BY_AMOUNT = BoardQuery(sort="amount", descending=True)


class Store:
    """Counts the heads that are read, and can be out of reach or slow."""

    def __init__(self, system: System) -> None:
        self.read: list[str] = []
        self.is_down = False
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.now_s = 0.0
        system.tenancy.elapsed_s = lambda: self.now_s
        read_head = system.store.read_head

        async def noted(ledger: Any) -> Any:
            await self.go_on.wait()
            if self.is_down:
                raise RetryableError("the store is busy")
            self.read.append(ledger.tenant)
            return await read_head(ledger)

        system.store.read_head = noted

    def taken(self) -> list[str]:
        taken, self.read = sorted(self.read), []
        return taken


async def three(system: System) -> TenantBoard:
    quota = {"metric": "requests", "window": "period", "limit": "2", "action": "block"}
    for tenant, requests in (("acme", 1), ("globex", 3), ("initech", 2)):
        await limited(system, tenant, quotas=[quota] if tenant == "globex" else [])
        await use(system, tenant, requests)
    return TenantBoard(
        overview=overview(system), tenancy=system.tenancy, clock=system.clock, wait_s=0.01
    )


async def test_a_page_reads_its_tenants_and_the_order_is_from_memory(system: System) -> None:
    board, store = await three(system), Store(system)
    first = await board.page(BoardQuery("E"), None, 1)
    assert [one.tenant for one in first.items] == ["acme"]
    assert (first.matches, store.taken()) == (3, ["acme"])
    rest = await board.page(BoardQuery("E"), first.next, 5)
    assert [one.tenant for one in rest.items] == ["globex", "initech"]
    assert rest.next is None
    assert store.taken() == ["globex", "initech"]

    page = await board.page(BY_AMOUNT, None, 2)
    assert [one.tenant for one in page.items] == ["globex", "initech"]
    assert store.taken() == ["acme", "globex", "globex", "initech", "initech"]
    last = await board.page(BY_AMOUNT, page.next, 2)
    assert ([one.tenant for one in last.items], last.next) == (["acme"], None)
    over = await board.page(BoardQuery("", frozenset({Standing.OVER})), None, 2)
    assert ([one.tenant for one in over.items], over.matches) == (["globex"], 1)
    store.taken()

    totals = (await board.totals()).totals
    # 1 + 3 + 2 requests of 0.0035 USD.
    assert (totals.tenants, totals.requests, totals.standings[Standing.OVER]) == (3, 6, 1)
    assert totals.spending["USD"].amount == 21 * 10**15
    assert store.taken() == []


async def test_it_is_read_anew_after_a_while_and_a_new_tenant_is_there_at_once(
    system: System,
) -> None:
    board, store = await three(system), Store(system)
    assert (await board.totals()).totals.requests == 6
    await use(system, "acme", 4)
    await limited(system, "newcomer")
    store.taken()
    store.now_s = 14.9
    await system.tenancy.refresh()
    totals = (await board.totals()).totals
    assert (totals.tenants, totals.requests, store.taken()) == (4, 6, ["newcomer"])
    store.now_s = 15
    # `use` sends the same ids again: three requests of acme are new.
    assert (await board.totals()).totals.requests == 9


async def test_an_answer_does_not_wait_for_a_slow_store_unless_it_has_nothing_newer(
    system: System,
) -> None:
    board, store = await three(system), Store(system)
    await board.totals()
    await use(system, "acme", 2)
    store.now_s = 599
    store.go_on.clear()
    assert (await board.totals()).totals.requests == 6
    assert (await board.totals()).totals.requests == 6
    store.go_on.set()
    await asyncio.sleep(0.01)
    assert (await board.totals()).totals.requests == 7
    store.go_on.clear()
    store.now_s = 2_000
    waiting = asyncio.create_task(board.totals())
    await asyncio.sleep(0.03)
    assert not waiting.done()
    waiting.cancel()
    await board.close()
    await board.close()


async def test_a_store_out_of_reach_is_told_once_the_board_is_old(system: System) -> None:
    board, store = await three(system), Store(system)
    store.is_down = True
    with pytest.raises(RetryableError, match="the store is busy"):
        await board.totals()
    store.is_down = False
    await board.totals()
    store.is_down = True
    store.now_s = 300
    assert (await board.totals()).totals.requests == 6
    store.now_s = 601
    with pytest.raises(RetryableError, match="the store is busy"):
        await board.totals()
