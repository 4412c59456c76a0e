"""Dead letters: list, replay and drop them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from time import monotonic
from typing import Final, NamedTuple

from metering.app.hubs.batch import LOGS_HUB, Message, Tally
from metering.app.hubs.dead_letter_limit import LimitedDeadLetters
from metering.app.ingest.ingest import Ingest
from metering.app.streams.join_usage import JoinUsage
from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import HOUR, Instant
from metering.ports import Clock, DeadLetter, DeadLetterCounts

#: Dead letters replayed in one batch.
_TOGETHER: Final = 500
#: Most dead letters that one command reads.
MAX_DEAD_LETTERS: Final = 10_000


#: How long counts are remembered, in seconds: a dashboard asks for them again and again.
MEMORY_S: Final = 10.0


class Recounted(NamedTuple):
    """The numbers of letters by code, as they were remembered and as they are."""

    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(slots=True, kw_only=True)
class DeadLetters:
    """The use cases behind `metering dead-letters`."""

    store: LimitedDeadLetters
    ingest: Ingest
    join: JoinUsage
    clock: Clock
    keep_for: Instant
    elapsed_s: Callable[[], float] = monotonic
    _counts: DeadLetterCounts | None = field(init=False, default=None)
    _counted_s: float = field(init=False, default=0.0)
    _forgotten: Instant = field(init=False, default=0)
    """When letters that are too old were last deleted."""

    async def latest(self, limit: int, code: str | None = None) -> list[DeadLetter]:
        """Return the latest, newest first; with `code`, only those of that code."""
        await self._forget()
        return await self.store.list_dead_letters(limit, code)

    async def counts(self) -> DeadLetterCounts:
        """Return the numbers of dead letters by code, as of some seconds ago at most."""
        known = self._counts
        if known is None or self.elapsed_s() - self._counted_s >= MEMORY_S:
            await self._forget()
            self._counted_s = self.elapsed_s()
            known = self._counts = await self.store.count_dead_letters(
                self.clock.now() - self.keep_for
            )
        return known

    async def recount(self) -> Recounted:
        """Count all letters anew; return the numbers before and after.

        It reads every letter. What is stored or removed meanwhile may be missed: repeat it then.
        """
        since = self.clock.now() - self.keep_for
        before = await self.store.count_dead_letters(since)
        await self.store.recount_dead_letters()
        self._counts = None
        return Recounted(before.kept, (await self.store.count_dead_letters(since)).kept)

    async def _forget(self) -> None:
        """Delete letters that are too old, once an hour, where the store does not do so itself."""
        now = self.clock.now()
        if not 0 <= now - self._forgotten < HOUR:
            await self.store.forget_dead_letters(now - self.keep_for)
            self._forgotten = now

    async def one(self, prefix: str) -> DeadLetter:
        """Return the dead letter with this id prefix; ConfigurationError unless it is unique."""
        found = await self.store.find_dead_letters(prefix)
        if not found:
            raise ConfigurationError(
                f"no dead letter has an id that begins with {prefix!r}: see `metering dead-letters"
                " list`"
            )
        if len(found) > 1:
            raise ConfigurationError(
                f"{len(found)} dead letters have ids that begin with {prefix!r}: give more of it"
            )
        return found[0]

    async def replay(self, dead_letters: Sequence[DeadLetter]) -> Tally:
        """Replay dead letters, and remove those that are counted now or were counted already.

        One that is rejected again stays, under the same id. Safe to repeat at any point: a dead
        letter is removed only after its event is in a ledger.
        """
        tally = Tally()
        self.store.stored(dead_letters)
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
        counted = [letter for letter in dead_letters if letter.id not in tally.dead_letters]
        await self.store.remove_dead_letters(counted)
        self._counts = None
        return tally

    async def drop(self, dead_letters: Sequence[DeadLetter]) -> None:
        """Remove dead letters without counting them."""
        await self.store.remove_dead_letters(dead_letters)
        self._counts = None
