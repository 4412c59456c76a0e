"""AllocationStore: one allocation for each deployment and month, by whoever writes it first."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from metering.bootstrap import Stores
from metering.core.allocation.accrual import accrual_of
from metering.core.allocation.allocation import Allocation, Counted, allocate
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.deployments.capacity import Span
from metering.settings.settings import SqliteStore

OCTOBER, NOVEMBER = parse_month("2026-10"), parse_month("2026-11")
#: Far above what a double holds exactly.
MUCH = 12_345_678_901_234_567_890_123


def allocation(deployment: str = "Contoso/chat", tenants: int = 2) -> Allocation:
    first = NOVEMBER.start
    names = [f"tenant-{number}" for number in range(tenants)]
    return allocate(
        deployment,
        NOVEMBER,
        [Span(first, first + 3 * HOUR, 7, MUCH, "USD", "equal")],
        {first: {name: MUCH + number for number, name in enumerate(names)}},
        counted=[
            Counted(LedgerId(name, first), 3, hashlib.sha256(name.encode()).hexdigest())
            for name in names
        ],
        is_billable=lambda tenant: tenant != "tenant-1",
    )


async def test_what_was_not_shared_out_is_not_there(stores: Stores) -> None:
    assert await stores.allocations.read_allocation("chat", NOVEMBER.start) is None


async def test_a_sharing_reads_back_the_same_in_every_process(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.allocations.put_allocation(allocation())
    found = await make_stores().allocations.read_allocation("Contoso/chat", NOVEMBER.start)
    assert found == allocation()


async def test_whoever_is_second_changes_nothing(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.allocations.put_allocation(allocation())
    other = make_stores().allocations
    for later in (allocation(tenants=3), allocation("CONTOSO/Chat"), allocation()):
        assert not await other.put_allocation(later)
    assert await stores.allocations.read_allocation("contoso/CHAT", NOVEMBER.start) == allocation()


async def test_deployments_and_months_are_apart(stores: Stores) -> None:
    october = replace(allocation(), month=OCTOBER)
    made = [allocation(), allocation("chat"), october]
    assert [await stores.allocations.put_allocation(one) for one in made] == [True] * 3
    for one in made:
        assert await stores.allocations.read_allocation(one.deployment, one.month.start) == one


async def test_ten_thousand_tenants_fit_and_far_more_are_refused_clearly(
    stores: Stores, store: object
) -> None:
    large = allocation(tenants=10_000)
    assert await stores.allocations.put_allocation(large)
    assert await stores.allocations.read_allocation(large.deployment, NOVEMBER.start) == large
    if not isinstance(store, SqliteStore):
        with pytest.raises(ConfigurationError, match="40000 tenants are too many"):
            await stores.allocations.put_allocation(allocation("other", tenants=40_000))


async def test_an_accrual_is_replaced_by_a_later_one_only(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    made = accrual_of(allocation(), 5, {}, lambda _: [NOVEMBER.start + HOUR])
    assert await stores.allocations.read_accrual("contoso/chat", NOVEMBER.start) is None
    assert await stores.allocations.put_accrual(made)
    other = make_stores().allocations
    assert not await other.put_accrual(replace(made, at=4))
    assert await other.put_accrual(replace(made, at=6, is_final=True))
    found = await stores.allocations.read_accrual("CONTOSO/chat", NOVEMBER.start)
    assert found == replace(made, at=6, is_final=True)
    # The allocation of the same deployment and month is another document.
    assert await stores.allocations.put_allocation(allocation())
    assert await other.read_allocation("Contoso/chat", NOVEMBER.start) == allocation()
