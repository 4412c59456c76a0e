"""PendingStore: identity halves that wait, the oldest first, until they are settled."""

from metering.bootstrap import Stores
from metering.ports import PendingHalf
from tests.builders import NOW


def half(name: str, since: int = NOW) -> PendingHalf:
    return PendingHalf(name, b"\xff body of " + name.encode(), since)


async def test_a_half_reads_back_the_same(stores: Stores) -> None:
    await stores.pending.put_identities([half("a")])
    assert await stores.pending.identities_before(NOW + 1, 10) == [half("a")]


async def test_a_half_that_is_there_stays_as_it_is(stores: Stores) -> None:
    await stores.pending.put_identities([half("a")])
    await stores.pending.put_identities([half("a", since=NOW - 5)])
    assert await stores.pending.identities_before(NOW + 1, 10) == [half("a")]


async def test_the_oldest_come_first_and_only_those_from_before(stores: Stores) -> None:
    await stores.pending.put_identities([half(f"r-{n}", NOW + n) for n in (2, 0, 3, 1)])
    found = await stores.pending.identities_before(NOW + 3, 2)
    assert [made.request_id for made in found] == ["r-0", "r-1"]
    assert len(await stores.pending.identities_before(NOW + 3, 10)) == 3


async def test_a_settled_half_is_not_returned_and_can_be_settled_again(stores: Stores) -> None:
    await stores.pending.put_identities([half("a"), half("b")])
    for _ in range(2):
        await stores.pending.resolve(["a", "never-seen"])
    assert await stores.pending.identities_before(NOW + 1, 10) == [half("b")]
    await stores.pending.put_identities([half("a")])
    assert await stores.pending.identities_before(NOW + 1, 10) == [half("b")]


async def test_nothing_to_do_is_no_error(stores: Stores) -> None:
    await stores.pending.put_identities([])
    await stores.pending.resolve([])
    assert await stores.pending.identities_before(NOW, 10) == []
