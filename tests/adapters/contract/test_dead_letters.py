"""DeadLetterStore: bodies set aside, each once, whatever is in them."""

from typing import Any

from metering.bootstrap import Stores
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


async def test_letters_are_counted_by_code(stores: Stores) -> None:
    assert await stores.dead_letters.count_dead_letters() == {}
    codes = ["too_old", "not_json", "too_old"]
    await stores.dead_letters.put([letter(f"a{n}", code=code) for n, code in enumerate(codes)])
    assert await stores.dead_letters.count_dead_letters() == {"not_json": 1, "too_old": 2}


async def test_letters_can_be_forgotten_twice(stores: Stores) -> None:
    await stores.dead_letters.put([letter("a1"), letter("a2")])
    for _ in range(2):
        await stores.dead_letters.remove_dead_letters(["a1"])
    assert [made.id for made in await stores.dead_letters.list_dead_letters(10)] == ["a2"]


async def test_nothing_to_keep_is_nothing_to_do(stores: Stores) -> None:
    await stores.dead_letters.put([])
    assert await stores.dead_letters.list_dead_letters(10) == []
