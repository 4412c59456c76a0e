"""RegisterStore: immutable documents under places, read on from where one stopped, and due."""

import asyncio
from collections.abc import Callable, Collection

from metering.bootstrap import Stores
from metering.core.streams.filing import Filed, Filing, due_before, place_of
from tests.builders import NOW

SLOT = 2_972_000


def filing(name: str, *, slot: int = SLOT, due: int | None = None) -> Filing:
    return Filing(place_of("waiting", slot), {"name": name, "rows": [1, None, "é"]}, due)


async def read(stores: Stores, places: Collection[str], after: int = 0) -> list[Filed]:
    return [one async for one in stores.register.read(places, after)]


async def test_a_document_reads_back_the_same(stores: Stores) -> None:
    await stores.register.file([filing("a", due=NOW)], NOW)
    (found,) = await read(stores, [place_of("waiting", SLOT)])
    assert found[:4] == (
        filing("a", due=NOW).id,
        place_of("waiting", SLOT),
        {"name": "a", "rows": [1, None, "é"]},
        filing("a", due=NOW).due,
    )


async def test_what_is_filed_again_is_there_once_as_it_was(stores: Stores) -> None:
    await stores.register.file([filing("a", due=NOW)], NOW)
    await stores.register.file([filing("a", due=NOW + 5), filing("b")], NOW)
    found = await read(stores, [place_of("waiting", SLOT)])
    assert sorted((one.content["name"], one.due) for one in found) == [
        ("a", filing("a", due=NOW).due),
        ("b", None),
    ]


async def test_only_the_places_that_are_asked_for_are_read(stores: Stores) -> None:
    await stores.register.file([filing(str(slot), slot=slot) for slot in range(5)], NOW)
    found = await read(stores, [place_of("waiting", 1), place_of("waiting", 3)])
    assert sorted(one.content["name"] for one in found) == ["1", "3"]
    assert await read(stores, [place_of("final", 1)]) == []


async def test_reading_on_gives_all_that_is_new(stores: Stores) -> None:
    places = [place_of("waiting", SLOT)]
    seen: set[str] = set()
    position = 0
    for number in range(5):
        await stores.register.file([filing(f"{number}-{n}") for n in range(number)], NOW)
        found = await read(stores, places, position)
        position = max([position, *(one.at for one in found)])
        seen |= {one.content["name"] for one in found}
        assert seen == {f"{m}-{n}" for m in range(number + 1) for n in range(m)}


async def test_more_documents_than_one_answer_has_are_all_read(stores: Stores) -> None:
    await stores.register.file([filing(str(number)) for number in range(230)], NOW)
    found = await read(stores, [place_of("waiting", SLOT)])
    assert {one.content["name"] for one in found} == {str(number) for number in range(230)}


async def test_what_is_due_comes_in_order_and_none_is_left_out(stores: Stores) -> None:
    register = stores.register
    # Four at the same instant: more than one answer has.
    await register.file([filing(f"same-{n}", due=NOW) for n in range(4)], NOW)
    await register.file([filing("later", due=NOW + 2), filing("never")], NOW)
    await register.file([Filing(place_of("stream", SLOT), {"other": 1}, NOW)], NOW)
    after, names = due_before("waiting", 0), []
    while found := await register.due(after, due_before("waiting", NOW + 2), 3):
        names += [one.content["name"] for one in found]
        after = str(found[-1].due)
    assert sorted(names) == [f"same-{n}" for n in range(4)]
    (late,) = await register.due(after, due_before("waiting", NOW + 3), 3)
    assert late.content["name"] == "later"


async def test_a_mark_is_what_was_written_last(stores: Stores) -> None:
    assert await stores.register.read_mark("x") is None
    await stores.register.write_mark("x", {"after": "1"})
    await stores.register.write_mark("y", {"after": "9"})
    await stores.register.write_mark("x", {"after": "2", "days": {"2026-11-20": 3}})
    assert await stores.register.read_mark("x") == {"after": "2", "days": {"2026-11-20": 3}}


async def test_nothing_to_file_is_no_error(stores: Stores) -> None:
    await stores.register.file([], NOW)
    await stores.register.forget(NOW)
    assert await stores.register.due("", "~", 10) == []


async def test_forgetting_spares_what_was_filed_later(stores: Stores) -> None:
    await stores.register.file([filing("a")], NOW)
    await stores.register.forget(NOW)
    assert len(await read(stores, [place_of("waiting", SLOT)])) == 1


async def test_of_two_writers_that_each_read_after_writing_at_least_one_sees_both(
    make_stores: Callable[[], Stores],
) -> None:
    one, other = make_stores(), make_stores()
    report, row = place_of("stream", SLOT), place_of("waiting", SLOT)

    async def write_and_read(stores: Stores, mine: str, theirs: str, number: int) -> bool:
        await stores.register.file([Filing(mine, {"n": number})], NOW)
        return any(one.content["n"] == number for one in await read(stores, [theirs]))

    for number in range(10):
        seen = await asyncio.gather(
            write_and_read(one, report, row, number), write_and_read(other, row, report, number)
        )
        assert any(seen)
