"""SharingStore: one sharing for each deployment and month, by whoever writes it first."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from metering.bootstrap import Stores
from metering.core.allocation.allocation import Counted, Sharing, share_out
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR
from metering.core.calendars.periods import LedgerId, parse_month
from metering.core.deployments.capacity import Span
from metering.settings.settings import SqliteStore

OCTOBER, NOVEMBER = parse_month("2026-10"), parse_month("2026-11")
#: Far above what a double holds exactly.
MUCH = 12_345_678_901_234_567_890_123


def sharing(deployment: str = "Contoso/chat", tenants: int = 2) -> Sharing:
    first = NOVEMBER.start
    names = [f"tenant-{number}" for number in range(tenants)]
    return share_out(
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
    assert await stores.sharings.read_sharing("chat", NOVEMBER.start) is None


async def test_a_sharing_reads_back_the_same_in_every_process(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.sharings.put_sharing(sharing())
    found = await make_stores().sharings.read_sharing("Contoso/chat", NOVEMBER.start)
    assert found == sharing()


async def test_whoever_is_second_changes_nothing(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    assert await stores.sharings.put_sharing(sharing())
    other = make_stores().sharings
    for later in (sharing(tenants=3), sharing("CONTOSO/Chat"), sharing()):
        assert not await other.put_sharing(later)
    assert await stores.sharings.read_sharing("contoso/CHAT", NOVEMBER.start) == sharing()


async def test_deployments_and_months_are_apart(stores: Stores) -> None:
    october = replace(sharing(), month=OCTOBER)
    made = [sharing(), sharing("chat"), october]
    assert [await stores.sharings.put_sharing(one) for one in made] == [True] * 3
    for one in made:
        assert await stores.sharings.read_sharing(one.deployment, one.month.start) == one


async def test_ten_thousand_tenants_fit_and_far_more_are_refused_clearly(
    stores: Stores, store: object
) -> None:
    large = sharing(tenants=10_000)
    assert await stores.sharings.put_sharing(large)
    assert await stores.sharings.read_sharing(large.deployment, NOVEMBER.start) == large
    if not isinstance(store, SqliteStore):
        with pytest.raises(ConfigurationError, match="40000 tenants are too many"):
            await stores.sharings.put_sharing(sharing("other", tenants=40_000))
