"""PendingStore: halves that wait for each other, those that age the oldest first."""

import asyncio
from collections.abc import Callable
from typing import Final

from metering.bootstrap import Stores
from metering.ports import LogHalf, PendingCounts, PendingHalf
from tests.builders import NOW

KINDS: Final[tuple[LogHalf, ...]] = ("tokens", "gateway", "recovery")


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
    assert await stores.pending.put_logs("tokens", []) == frozenset()
    assert await stores.pending.read_halves("tokens", []) == {}
    await stores.pending.remove_halves("tokens", [])
    assert await stores.pending.recoveries_before(NOW, 10) == []
    assert await stores.pending.identities_before(NOW, 10) == []


async def test_halves_of_every_kind_lie_side_by_side(stores: Stores) -> None:
    pending = stores.pending
    await pending.put_identities([half("a")])
    for kind in KINDS:
        made = PendingHalf("a", kind.encode() + b"\xff", NOW)
        assert await pending.put_logs(kind, [made]) == frozenset()
    assert await pending.read_halves("identity", ["a"]) == {"a": half("a").body}
    for kind in KINDS:
        assert await pending.read_halves(kind, ["a"]) == {"a": kind.encode() + b"\xff"}
    assert await pending.count_pending() == PendingCounts(1, 0, 1, 1)
    assert await pending.identities_before(NOW + 1, 10) == [half("a")]


async def test_of_halves_that_were_there_the_ids_are_told_and_they_stay(stores: Stores) -> None:
    await stores.pending.put_logs("tokens", [half("a"), half("b")])
    again = [PendingHalf("b", b"other", NOW), half("c")]
    assert await stores.pending.put_logs("tokens", again) == {"b"}
    assert await stores.pending.read_halves("tokens", ["b", "c"]) == {
        "b": half("b").body,
        "c": half("c").body,
    }


async def test_what_is_not_there_is_left_out_of_the_answer(stores: Stores) -> None:
    await stores.pending.put_logs("tokens", [half("a")])
    assert await stores.pending.read_halves("identity", ["a", "b"]) == {}
    assert await stores.pending.read_halves("gateway", ["a", "b"]) == {}
    assert await stores.pending.read_halves("tokens", ["b", "a"]) == {"a": half("a").body}


async def test_a_settled_identity_can_still_be_read(stores: Stores) -> None:
    await stores.pending.put_identities([half("a")])
    await stores.pending.resolve(["a"])
    assert await stores.pending.read_halves("identity", ["a"]) == {"a": half("a").body}
    assert await stores.pending.count_pending() == PendingCounts(0, 1, 0, 0)


async def test_removed_halves_are_gone_and_others_stay(stores: Stores) -> None:
    pending = stores.pending
    await pending.put_identities([half("a"), half("b")])
    await pending.put_logs("tokens", [half("a"), half("b")])
    for _ in range(2):
        await pending.remove_halves("identity", ["a"])
        await pending.remove_halves("tokens", ["b"])
    assert await pending.identities_before(NOW + 1, 10) == [half("b")]
    assert await pending.read_halves("tokens", ["a"]) == {"a": half("a").body}
    assert await pending.count_pending() == PendingCounts(1, 0, 1, 0)
    # What was removed may come again.
    assert await pending.put_logs("tokens", [half("b")]) == frozenset()
    await pending.put_identities([half("a")])
    assert await pending.count_pending() == PendingCounts(2, 0, 2, 0)


async def test_recoveries_come_by_age_until_they_are_removed(stores: Stores) -> None:
    made = [half(f"r-{n}", NOW + n) for n in (2, 0, 3, 1)]
    await stores.pending.put_logs("recovery", made)
    await stores.pending.put_logs("tokens", [half("r-9", NOW - 1)])
    await stores.pending.put_identities([half("r-8", NOW - 1)])
    found = await stores.pending.recoveries_before(NOW + 3, 2)
    assert found == [half("r-0", NOW), half("r-1", NOW + 1)]
    await stores.pending.remove_halves("recovery", ["r-0", "r-2"])
    found = await stores.pending.recoveries_before(NOW + 9, 9)
    assert found == [half("r-1", NOW + 1), half("r-3", NOW + 3)]


async def test_forgetting_logs_spares_what_must_not_be_lost(stores: Stores) -> None:
    await stores.pending.put_identities([half("a", NOW - 9)])
    for kind in KINDS:
        await stores.pending.put_logs(kind, [half("a", NOW - 9), half("b", NOW)])
    await stores.pending.forget_logs(NOW)
    assert len(await stores.pending.identities_before(NOW, 9)) == 1
    assert len(await stores.pending.recoveries_before(NOW, 9)) == 1
    for kind in KINDS:
        assert await stores.pending.read_halves(kind, ["b"]) == {"b": half("b").body}


async def test_of_two_writers_that_each_read_after_writing_at_least_one_sees_both(
    make_stores: Callable[[], Stores],
) -> None:
    one, other = make_stores().pending, make_stores().pending
    names = [f"r-{number}" for number in range(40)]

    async def identity() -> set[str]:
        await one.put_identities([half(name) for name in names])
        return set(await one.read_halves("tokens", names))

    async def tokens() -> set[str]:
        await other.put_logs("tokens", [half(name) for name in names])
        return set(await other.read_halves("identity", names))

    seen = await asyncio.gather(identity(), tokens())
    assert seen[0] | seen[1] == set(names)
