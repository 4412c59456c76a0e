"""PendingStore: what versions before the register left, until it has been taken over."""

from metering.bootstrap import Stores
from metering.ports import PendingHalf
from tests.builders import NOW
from tests.old_pending import put_old


async def test_request_records_come_oldest_first_settled_ones_too(stores: Stores) -> None:
    await put_old(stores, "identity", "b", b"\xff b", NOW + 1)
    await put_old(stores, "identity", "a", b"\xff a", NOW, settled=True)
    await put_old(stores, "tokens", "a", b"t", NOW)
    await put_old(stores, "recovery", "c", b"r", NOW - 1)
    assert await stores.pending.read_pending("identity", 10) == [
        PendingHalf("a", b"\xff a", NOW, is_settled=True),
        PendingHalf("b", b"\xff b", NOW + 1),
    ]
    assert len(await stores.pending.read_pending("identity", 1)) == 1
    assert await stores.pending.read_pending("recovery", 10) == [PendingHalf("c", b"r", NOW - 1)]


async def test_log_rows_are_read_by_request(stores: Stores) -> None:
    for kind in ("tokens", "gateway"):
        await put_old(stores, kind, "a", kind.encode(), NOW)
    await put_old(stores, "tokens", "b", b"\xff", NOW)
    assert await stores.pending.read_halves("tokens", ["b", "a"]) == {"a": b"tokens", "b": b"\xff"}
    assert await stores.pending.read_halves("gateway", ["a"]) == {"a": b"gateway"}


async def test_what_is_not_there_is_left_out_of_the_answer(stores: Stores) -> None:
    await put_old(stores, "tokens", "a", b"a", NOW)
    assert await stores.pending.read_halves("tokens", ["b", "a"]) == {"a": b"a"}
    assert await stores.pending.read_halves("gateway", ["a"]) == {}
    assert await stores.pending.read_halves("gateway", []) == {}


async def test_removed_records_are_gone_and_others_stay(stores: Stores) -> None:
    for name in ("a", "b"):
        await put_old(stores, "identity", name, b"x", NOW)
        await put_old(stores, "recovery", name, b"x", NOW)
    for _ in range(2):
        await stores.pending.remove_halves("identity", ["a", "never"])
        await stores.pending.remove_halves("recovery", ["b"])
    assert [one.request_id for one in await stores.pending.read_pending("identity", 9)] == ["b"]
    assert [one.request_id for one in await stores.pending.read_pending("recovery", 9)] == ["a"]
