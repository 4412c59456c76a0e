"""SuspensionStore: one record for each subscription, changed only by who has seen it."""

import asyncio
from collections.abc import Callable

import pytest

from metering.bootstrap import Stores
from metering.core.quotas.suspension import Phase, Suspension
from metering.ports import StoredSuspension
from tests.builders import NOW

ONE = Suspension("sub-1", Phase.SUSPENDING, "quota day: 100 %", NOW - 5, NOW)
TWO = Suspension("Team A/ü?#\\", Phase.OVERRIDDEN, "", NOW, NOW + 1)


async def put(stores: Stores, suspension: Suspension, etag: str | None = None) -> str:
    new = await stores.suspensions.put_suspension(suspension, etag)
    assert new is not None
    return new


async def test_without_any_there_is_nothing_to_list(stores: Stores) -> None:
    assert await stores.suspensions.list_suspensions() == []


async def test_suspensions_read_back_the_same_in_every_process_by_subscription(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    first, second = await put(stores, ONE), await put(stores, TWO)
    assert await make_stores().suspensions.list_suspensions() == [
        StoredSuspension(TWO, second),
        StoredSuspension(ONE, first),
    ]


@pytest.mark.parametrize("phase", list(Phase))
async def test_who_names_the_tag_replaces_it(stores: Stores, phase: Phase) -> None:
    changed = ONE._replace(phase=phase, reason="other", at=NOW + 9)
    etag = await put(stores, changed, await put(stores, ONE))
    assert await stores.suspensions.list_suspensions() == [StoredSuspension(changed, etag)]


async def test_who_has_not_seen_what_is_there_writes_and_removes_nothing(stores: Stores) -> None:
    old = await put(stores, ONE)
    new = await put(stores, ONE._replace(phase=Phase.SUSPENDED), old)
    late = ONE._replace(reason="late")
    for etag in (None, old):
        assert await stores.suspensions.put_suspension(late, etag) is None
    assert not await stores.suspensions.remove_suspension("sub-1", old)
    (left,) = await stores.suspensions.list_suspensions()
    assert left == StoredSuspension(ONE._replace(phase=Phase.SUSPENDED), new)


async def test_a_removed_one_is_gone_for_whoever_saw_it(stores: Stores) -> None:
    etag = await put(stores, ONE)
    assert await stores.suspensions.remove_suspension("sub-1", etag)
    assert not await stores.suspensions.remove_suspension("sub-1", etag)
    assert await stores.suspensions.put_suspension(ONE, etag) is None
    assert await stores.suspensions.list_suspensions() == []


async def test_no_tag_comes_twice_even_of_the_same_record(stores: Stores) -> None:
    tags = set()
    for _ in range(4):
        etag = await put(stores, ONE)
        tags.add(etag)
        assert await stores.suspensions.remove_suspension("sub-1", etag)
    assert len(tags) == 4


async def test_of_many_at_once_one_is_first(
    stores: Stores, make_stores: Callable[[], Stores]
) -> None:
    processes = [stores, *(make_stores() for _ in range(3))]
    made = await asyncio.gather(
        *(
            process.suspensions.put_suspension(ONE._replace(reason=str(n)), None)
            for n, process in enumerate(processes)
        )
    )
    (etag,) = filter(None, made)
    ((suspension, held),) = await stores.suspensions.list_suspensions()
    assert (held, suspension.reason) == (etag, str(made.index(etag)))


async def test_the_records_beside_them_are_not_disturbed(stores: Stores) -> None:
    await put(stores, ONE)
    assert await stores.registry.read_records(0) == []
