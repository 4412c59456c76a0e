"""Requests as they are listed on every store: all of them, once, with bounded work a page."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metering.app.hubs.batch import Message
from metering.app.reports import requests
from metering.app.reports.requests import MAX_PAGES
from metering.bootstrap import Stores
from metering.core.basics.errors import LedgerLagError
from metering.core.basics.instants import DAY
from metering.core.calendars.periods import SLOT, LedgerId, month_of
from metering.core.ledger.entry import Basis
from metering.core.reports.requests import Position, Request, Wanted
from metering.core.usage.evidence import Evidence
from metering.core.usage.usage import Usage
from tests.builders import AT, body, rating, usage
from tests.soak import EXAMPLES
from tests.systems import System

LEDGER = LedgerId("acme", month_of(AT).start)
ANY = Wanted()
OCTOBER = LedgerId("acme", month_of(LEDGER.start - 1).start)


async def commit(system: System, *usages: Usage, ledger: LedgerId = LEDGER) -> None:
    await system.committer.commit(ledger, usages, rating())


async def listed(
    system: System, wanted: Wanted = ANY, *, limit: int = 100
) -> tuple[list[Request], int]:
    """Return all requests, page by page, and the number of pages that took."""
    found: list[Request] = []
    after: Position | None = None
    turns = 0
    while True:
        page = await system.app.requests.page("acme", wanted, after=after, limit=limit)
        assert len(page.requests) <= limit
        found += page.requests
        turns += 1
        if page.next is None:
            return found, turns
        assert after is None or page.next < after
        after = page.next


def ids(found: list[Request]) -> list[str]:
    return [request.entry.id for request in found]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_every_request_comes_once_newest_first_over_all_periods(
    stores: Stores, limit: int
) -> None:
    system = System(stores)
    await commit(system, usage("old", time=LEDGER.start - DAY), ledger=OCTOBER)
    await commit(system, usage("b", time=AT + 1), usage("a"), usage("c", time=AT + 3 * SLOT))
    await commit(system, usage("early", time=AT - DAY), usage("held", evidence=Evidence.HELD))
    await commit(system, usage("held", evidence=Evidence.TOTALS))
    found, _ = await listed(system, limit=limit)
    assert ids(found) == ["c", "b", "held", "a", "early", "old"]
    (held,) = [one for one in found if one.entry.id == "held"]
    assert [before.state.basis for before in held.earlier] == [Basis.PENDING]


async def test_a_list_goes_on_in_the_next_period_where_its_budget_ends(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MAX_PAGES", 1)
    system = System(stores)
    await commit(system, usage("old", time=LEDGER.start - DAY), ledger=OCTOBER)
    await commit(system, usage("a"))
    found, turns = await listed(system)
    # To open a ledger is worth a page.
    assert (ids(found), turns) == (["a", "old"], 4)


async def test_what_is_listed_adds_up_to_the_balance(stores: Stores) -> None:
    system = System(stores)
    await system.tenancy.map_subject("sub-1", "acme", None)
    bodies = [
        *(body(id=f"r-{n}", time=f"2026-11-{n + 1:02}T10:00:00Z") for n in range(9)),
        body(id="e", data__evidence="estimated"),
        body(id="t", data__evidence="totals"),
        body(id="v", data__evidence="recovered"),
        body(id="g", data__evidence="aggregate"),
        body(id="u", data__model="gpt-99"),
        body(id="f", data__status=429, data__tokens="absent", data__usage=None),
        body(id="m", data__tokens="absent", data__usage=None),
        body(id="p", data__tokens="pending", data__usage=None),
    ]
    await system.ingest.batch([Message(one, "0", n) for n, one in enumerate(bodies)])
    balance = await system.read.balance("acme", month_of(AT))
    found, _ = await listed(system, limit=4)
    counted = [one for one in found if not one.entry.state.is_hold]
    assert sum(one.entry.state.amount or 0 for one in counted) == balance.amount
    # Thirteen with a price at 0.0035: nine of full detail, and one each of the other four.
    assert balance.amount == 45_500_000_000_000_000
    assert len(counted) == balance.total.requests == 16
    for basis, number in balance.total.by_basis.items():
        assert len((await listed(system, Wanted(evidence=basis)))[0]) == number, basis
    assert balance.total.by_basis == {
        Basis.FULL: 10,
        Basis.TOTALS: 1,
        Basis.RECOVERED: 1,
        Basis.ESTIMATED: 1,
        Basis.AGGREGATE: 1,
        Basis.MISSING: 1,
    }
    assert ids((await listed(system, Wanted(evidence=Basis.PENDING)))[0]) == ["p"]
    assert ids((await listed(system, Wanted(unpriced=True)))[0]) == ["u"]
    assert (await system.verify.one(LEDGER)).faults == ()


async def test_a_page_of_the_list_reads_a_bounded_part_of_the_ledger(stores: Stores) -> None:
    system = System(stores)
    slots = 2 * MAX_PAGES // 40 + 1
    for first in range(slots):
        times = [AT - (first * 40 + n) * SLOT for n in range(40)]
        await commit(
            system, *(usage(f"r-{time}", time=time) for time in times if time > LEDGER.start)
        )
    found, turns = await listed(system, Wanted(id="none"))
    assert found == []
    # 520 pages of one entry each, and at most 256 and a round of 64 more for a page of the list.
    assert turns == 2
    day = Wanted(start=AT - DAY, end=AT)
    found, turns = await listed(system, day, limit=200)
    # A day is found without reading what was before it or after it.
    assert (len(found), turns) == (144, 1)


async def test_pages_that_a_query_leaves_out_are_read_one_by_one(stores: Stores) -> None:
    system = System(stores)
    await commit(system, usage("a"))
    await commit(system, usage("b", time=AT + SLOT))
    await commit(system, usage("c", time=AT + SLOT))
    system.store.lag = 1
    assert ids((await listed(system))[0]) == ["c", "b", "a"]
    system.store.absent = {3}
    with pytest.raises(LedgerLagError, match="page 3 is not there yet"):
        await listed(system)


async def test_a_slot_with_more_pages_than_are_read_at_once_is_whole(stores: Stores) -> None:
    system = System(stores)
    await commit(system, usage("before", time=AT - SLOT))
    for number in range(70):
        await commit(system, usage(f"r-{number}"))
    found, _ = await listed(system, limit=30)
    assert len(set(ids(found))) == len(found) == 71


@given(st.lists(st.integers(-(10**19), 10**19), min_size=5, max_size=5), st.integers(1, 5))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
async def test_any_position_is_answered(stores: Stores, numbers: list[int], limit: int) -> None:
    system: Any = System(stores)
    if not await stores.ledgers.ledgers("acme"):
        await commit(system, usage("a"), usage("b", time=AT + SLOT))
    after = Position._make(numbers)
    page = await system.app.requests.page("acme", Wanted(), after=after, limit=limit)
    assert all(one.position < after for one in page.requests)
