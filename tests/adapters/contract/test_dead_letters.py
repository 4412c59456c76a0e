"""DeadLetterStore: bodies set aside, each once, whatever is in them."""

from collections.abc import Mapping
from typing import Any

from metering.bootstrap import Stores
from metering.core.basics.errors import Code
from metering.core.basics.instants import DAY
from metering.ports import DeadLetter
from tests.builders import NOW


def letter(name: str, **changes: Any) -> DeadLetter:
    made = DeadLetter(name, "not_json", "it is not", "usage", b"\xff\x00 body", "3", 7, NOW)
    return made._replace(**changes)


async def test_a_letter_reads_back_the_same_to_the_last_byte(stores: Stores) -> None:
    made = letter("a1", body=bytes(range(256)) * 10)
    await stores.dead_letters.put([made])
    assert await stores.dead_letters.list_dead_letters(10) == [made]


async def test_a_letter_that_is_there_stays_as_it_is(stores: Stores) -> None:
    await stores.dead_letters.put([letter("a1")])
    await stores.dead_letters.put([letter("a1", received=NOW + 1), letter("a2")])
    found = {made.id: made for made in await stores.dead_letters.list_dead_letters(10)}
    assert found == {"a1": letter("a1"), "a2": letter("a2")}


async def test_letters_are_listed_newest_first_and_no_more_than_asked_for(
    stores: Stores,
) -> None:
    await stores.dead_letters.put([letter(f"a{n}", received=NOW + n) for n in (3, 1, 2)])
    found = await stores.dead_letters.list_dead_letters(2)
    assert [made.id for made in found] == ["a3", "a2"]


async def test_letters_are_found_by_the_beginning_of_their_id(stores: Stores) -> None:
    await stores.dead_letters.put([letter("ab1"), letter("ab2"), letter("b%_")])
    found = await stores.dead_letters.find_dead_letters("ab")
    assert sorted(made.id for made in found) == ["ab1", "ab2"]
    assert await stores.dead_letters.find_dead_letters("%") == []


async def counts(stores: Stores) -> tuple[Mapping[str, int], Mapping[str, int]]:
    return tuple(await stores.dead_letters.count_dead_letters())  # type: ignore[return-value]


async def test_letters_are_counted_by_code(stores: Stores) -> None:
    assert await counts(stores) == ({}, {})
    codes = ["too_old", "not_json", "too_old"]
    made = [letter(f"a{n}", code=code) for n, code in enumerate(codes)]
    await stores.dead_letters.put(made)
    assert await counts(stores) == ({"not_json": 1, "too_old": 2}, {})
    # On another day, and once more.
    await stores.dead_letters.put([*made, letter("b1", received=NOW - 3 * DAY)])
    assert await counts(stores) == ({"not_json": 2, "too_old": 2}, {})
    await stores.dead_letters.remove_dead_letters(made[:2])
    await stores.dead_letters.remove_dead_letters(made[:2])
    assert await counts(stores) == ({"not_json": 1, "too_old": 1}, {})


async def test_letters_of_every_code_are_counted_at_once(stores: Stores) -> None:
    await stores.dead_letters.put([letter(f"a{n}", code=code) for n, code in enumerate(Code)])
    assert await counts(stores) == (dict.fromkeys(sorted(Code), 1), {})


async def test_events_of_which_no_letter_is_kept_are_counted(stores: Stores) -> None:
    await stores.dead_letters.count_only({"not_json": 3}, NOW)
    await stores.dead_letters.put([letter("a1")])
    await stores.dead_letters.count_only({"not_json": 2, "too_old": 1}, NOW)
    assert await counts(stores) == ({"not_json": 1}, {"not_json": 5, "too_old": 1})
    assert len(await stores.dead_letters.list_dead_letters(10)) == 1


async def test_letters_are_listed_by_code(stores: Stores) -> None:
    made = [
        letter(f"a{n}", code=code, received=NOW + n)
        for n, code in enumerate(["too_old", "not_json", "too_old"])
    ]
    await stores.dead_letters.put(made)
    await stores.dead_letters.count_dead_letters()
    found = await stores.dead_letters.list_dead_letters(10, "too_old")
    assert found == [made[2], made[0]]
    assert await stores.dead_letters.list_dead_letters(1, "too_old") == [made[2]]


async def test_letters_can_be_forgotten_twice(stores: Stores) -> None:
    await stores.dead_letters.put([letter("a1"), letter("a2")])
    for _ in range(2):
        await stores.dead_letters.remove_dead_letters([letter("a1")])
    assert [made.id for made in await stores.dead_letters.list_dead_letters(10)] == ["a2"]


async def test_nothing_to_keep_is_nothing_to_do(stores: Stores) -> None:
    await stores.dead_letters.put([])
    assert await stores.dead_letters.list_dead_letters(10) == []
