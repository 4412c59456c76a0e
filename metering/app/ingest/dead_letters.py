"""Look at what was set aside, send it again, or drop it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final

from metering.app.hubs.batch import LOGS_HUB, Message, Tally
from metering.app.ingest.ingest import Ingest
from metering.app.streams.join_usage import JoinUsage
from metering.core.basics.errors import ConfigurationError
from metering.ports import DeadLetter, DeadLetterStore

#: Letters sent again in one commit.
_TOGETHER: Final = 500
#: Letters that one command looks at.
MAX_LETTERS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The use cases behind `metering dead-letters`."""

    store: DeadLetterStore
    ingest: Ingest
    join: JoinUsage

    async def latest(self, limit: int, code: str | None = None) -> list[DeadLetter]:
        """Return the latest, newest first; of one code if it is given."""
        if code is None:
            return await self.store.list_dead_letters(limit)
        letters = await self.store.list_dead_letters(MAX_LETTERS)
        return [letter for letter in letters if letter.code == code][:limit]

    async def counts(self) -> dict[str, int]:
        """Return how many there are by code."""
        return await self.store.count_dead_letters()

    async def one(self, prefix: str) -> DeadLetter:
        """Return the letter whose id begins so; ConfigurationError if it is none or not one."""
        found = await self.store.find_dead_letters(prefix)
        if len(found) != 1:
            raise ConfigurationError(f"dead letter {prefix!r}: {len(found)} ids begin so")
        return found[0]

    async def replay(self, letters: Sequence[DeadLetter]) -> Tally:
        """Send letters again and forget those that are counted now, or were already.

        One that is refused again stays, as the same letter. Safe to repeat at any point: a letter
        is forgotten only after its event is in a ledger.
        """
        tally = Tally()
        for together in batched(letters, _TOGETHER, strict=False):
            for hub in sorted({letter.hub for letter in together}):
                tally = tally.plus(await self._again(hub, [x for x in together if x.hub == hub]))
        return tally

    async def _again(self, hub: str, letters: Sequence[DeadLetter]) -> Tally:
        messages = [Message(letter.body, letter.partition, letter.sequence) for letter in letters]
        again = self.join if hub == LOGS_HUB else self.ingest
        tally = await again.batch(messages, hub=hub, stop_for=0)
        counted = [letter.id for letter in letters if letter.id not in tally.letters]
        await self.store.remove_dead_letters(counted)
        return tally

    async def drop(self, letters: Sequence[DeadLetter]) -> None:
        """Forget letters without counting them."""
        await self.store.remove_dead_letters([letter.id for letter in letters])
