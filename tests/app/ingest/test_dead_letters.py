"""Dead letters: kept with all that is needed, sent again without counting twice, or dropped."""

from typing import Any

import pytest

from metering.app.ingest.ingest import Message, Tally
from metering.core.basics.errors import Code, ConfigurationError, RetryableError
from metering.core.calendars.periods import month_of
from tests.builders import AT, body

type System = Any


async def set_aside(system: System, *bodies: bytes) -> None:
    system.tenancy.automatic = False
    messages = [Message(content, "2", number) for number, content in enumerate(bodies)]
    await system.ingest.batch(messages, stop_for=0)


async def test_what_was_set_aside_counts_once_its_reason_is_gone(system: System) -> None:
    await set_aside(system, body(), body(id="r-2"))
    assert (await system.letters.counts()).kept == {"unknown_subscription": 2}
    await system.tenancy.map_subject("sub-1", "acme", None)
    letters = await system.letters.latest(10)
    assert await system.letters.replay(letters) == Tally(accepted=2)
    assert (await system.letters.counts()).kept == {}
    assert (await system.read.balance("acme", month_of(AT))).total.requests == 2


async def test_sending_again_is_harmless_after_a_crash_at_any_point(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    await set_aside(system, body())
    await system.tenancy.map_subject("sub-1", "acme", None)
    letters = await system.letters.latest(10)

    async def crash(_: object) -> None:
        raise RetryableError("crash")

    with monkeypatch.context() as broken:
        broken.setattr(system.dead_letters, "remove_dead_letters", crash)
        with pytest.raises(RetryableError):
            await system.letters.replay(letters)
    assert await system.letters.replay(letters) == Tally(duplicates=1)
    assert await system.letters.replay([]) == Tally()
    assert (await system.read.balance("acme", month_of(AT))).total.requests == 1


async def test_what_is_refused_again_stays_the_same_letter(system: System) -> None:
    await set_aside(system, b"nonsense")
    (letter,) = await system.letters.latest(10)
    assert await system.letters.replay([letter]) == Tally(rejected={Code.NOT_JSON: 1})
    assert await system.letters.latest(10) == [letter]


async def test_a_letter_is_found_by_the_beginning_of_its_id(system: System) -> None:
    await set_aside(system, b"nonsense", b"other nonsense")
    letter, other = await system.letters.latest(10)
    assert await system.letters.one(letter.id[:12]) == letter
    with pytest.raises(ConfigurationError, match="2 dead letters have ids that begin with ''"):
        await system.letters.one("")
    with pytest.raises(ConfigurationError, match="no dead letter has an id that begins with 'zz'"):
        await system.letters.one("zz")
    await system.letters.drop([other])
    assert await system.letters.latest(10) == [letter]


async def test_letters_are_listed_by_code(system: System) -> None:
    await set_aside(system, b"nonsense", body())
    assert [letter.code for letter in await system.letters.latest(10, "not_json")] == ["not_json"]
    assert await system.letters.latest(10, "too_old") == []
