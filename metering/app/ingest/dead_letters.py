"""Dead letters: list, replay and drop them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final

from metering.app.hubs.batch import LOGS_HUB, Message, Tally
from metering.app.ingest.ingest import Ingest
from metering.app.streams.join_usage import JoinUsage
from metering.core.basics.errors import ConfigurationError
from metering.ports import DeadLetter, DeadLetterStore

#: Dead letters replayed in one batch.
_TOGETHER: Final = 500
#: Most dead letters that one command reads.
MAX_DEAD_LETTERS: Final = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetters:
    """The use cases behind `metering dead-letters`."""

    store: DeadLetterStore
    ingest: Ingest
    join: JoinUsage

    async def latest(self, limit: int, code: str | None = None) -> list[DeadLetter]:
        """Return the latest, newest first; with `code`, only those of that code."""
        if code is None:
            return await self.store.list_dead_letters(limit)
        dead_letters = await self.store.list_dead_letters(MAX_DEAD_LETTERS)
        return [letter for letter in dead_letters if letter.code == code][:limit]

    async def counts(self) -> dict[str, int]:
        """Return the number of dead letters by code."""
        return await self.store.count_dead_letters()

    async def one(self, prefix: str) -> DeadLetter:
        """Return the dead letter with this id prefix; ConfigurationError unless it is unique."""
        found = await self.store.find_dead_letters(prefix)
        if len(found) != 1:
            raise ConfigurationError(f"dead letter {prefix!r}: {len(found)} ids have this prefix")
        return found[0]

    async def replay(self, dead_letters: Sequence[DeadLetter]) -> Tally:
        """Replay dead letters, and remove those that are counted now or were counted already.

        One that is rejected again stays, under the same id. Safe to repeat at any point: a dead
        letter is removed only after its event is in a ledger.
        """
        tally = Tally()
        for together in batched(dead_letters, _TOGETHER, strict=False):
            for hub in sorted({letter.hub for letter in together}):
                tally = tally.plus(await self._again(hub, [x for x in together if x.hub == hub]))
        return tally

    async def _again(self, hub: str, dead_letters: Sequence[DeadLetter]) -> Tally:
        messages = [
            Message(letter.body, letter.partition, letter.sequence) for letter in dead_letters
        ]
        again = self.join if hub == LOGS_HUB else self.ingest
        tally = await again.batch(messages, hub=hub, stop_for=0)
        counted = [letter.id for letter in dead_letters if letter.id not in tally.dead_letters]
        await self.store.remove_dead_letters(counted)
        return tally

    async def drop(self, dead_letters: Sequence[DeadLetter]) -> None:
        """Remove dead letters without counting them."""
        await self.store.remove_dead_letters([letter.id for letter in dead_letters])
