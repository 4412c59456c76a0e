"""The dead letters that are kept: so many of a sender, a source and all of them in an hour."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from metering.core.basics.errors import Code
from metering.core.basics.instants import HOUR, Instant
from metering.core.hubs.sender import Sender, sender_of
from metering.ports import Alerts, DeadLetter, DeadLetterCounts, DeadLetterStore

#: A source has the share of so many senders, and all sources together that of so many. So a tenant
#: of a gateway uses up no other's, and names that a producer makes up get around no limit.
_SOURCE_TIMES: Final = 10
_ALL_TIMES: Final = 100
#: Characters of a source that an alert names.
_MAX_TOLD: Final = 64


@dataclass(slots=True, kw_only=True)
class LimitedDeadLetters:
    """Implements DeadLetterStore over another, which keeps a limited number of letters an hour.

    Of what is beyond only a count is kept, and an alert is raised once. The events are still in the
    hub and its Capture files. Letters of a ledger that stopped are always kept: they are usage that
    is to be counted once it is repaired.
    """

    store: DeadLetterStore
    alerts: Alerts
    an_hour: int | None
    """The share of a sender, which is a source and a subject; None for no limit."""
    _hour: int = field(init=False, default=-1)
    _kept: Counter[int] = field(init=False, default_factory=Counter)
    _known: set[str] = field(init=False, default_factory=set)
    """Ids of letters kept in this hour: one that arrives again takes no share."""
    _stored: set[str] = field(init=False, default_factory=set)
    _told: set[int] = field(init=False, default_factory=set)

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters within the limits, and count the others."""
        kept = [letter for letter in letters if self._takes(letter)]
        await self.store.put(kept)
        beyond = Counter(letter.code for letter in letters) - Counter(one.code for one in kept)
        if beyond:
            await self.store.count_only(beyond, letters[-1].received)

    def stored(self, letters: Iterable[DeadLetter]) -> None:
        """Take note of letters that the store has, until the next call: they take no share."""
        self._stored = {letter.id for letter in letters}

    def _takes(self, letter: DeadLetter) -> bool:
        if self.an_hour is None or letter.code == Code.LEDGER_STOPPED:
            return True
        hour = letter.received // HOUR
        if hour != self._hour:
            self._hour = hour
            self._kept.clear()
            self._known.clear()
            self._told.clear()
        if letter.id in self._known or letter.id in self._stored:
            return True
        sender = sender_of(letter.body)
        for name, limit in self._limits(letter.hub, sender):
            if self._kept[name] >= limit:
                self._tell(name, limit, sender)
                return False
        self._kept.update(name for name, _ in self._limits(letter.hub, sender))
        self._known.add(letter.id)
        return True

    def _limits(self, hub: str, sender: Sender) -> tuple[tuple[int, int], ...]:
        """Return whose letters are limited, by hash, since names may be long; and to how many."""
        share = self.an_hour or 0
        return (
            (hash((hub, sender)), share),
            (hash((hub, sender.source)), _SOURCE_TIMES * share),
            (hash(""), _ALL_TIMES * share),
        )

    def _tell(self, name: int, limit: int, sender: Sender) -> None:
        if name not in self._told:
            self._told.add(name)
            self.alerts.alert(
                f"dead letters: {limit} of source {sender.source[:_MAX_TOLD]!r} in this hour are"
                " kept, further ones are only counted: remove the cause, then replay the hour from"
                " the hub's Capture files",
                "batch",
            )

    async def count_only(self, counts: Mapping[str, int], at: Instant) -> None:
        """Count events of which no letter is kept."""
        await self.store.count_only(counts, at)

    async def list_dead_letters(self, limit: int, code: str | None = None) -> list[DeadLetter]:
        """Return the latest `limit`, newest first; with `code`, only those of that code."""
        return await self.store.list_dead_letters(limit, code)

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return the dead letters whose id starts with the prefix."""
        return await self.store.find_dead_letters(prefix)

    async def remove_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Delete dead letters; those that do not exist are ignored."""
        await self.store.remove_dead_letters(letters)

    async def forget_dead_letters(self, before: Instant) -> None:
        """Delete the dead letters that were received before an instant."""
        await self.store.forget_dead_letters(before)

    async def count_dead_letters(self, since: Instant = 0) -> DeadLetterCounts:
        """Return the numbers by code of the letters from `since` on."""
        return await self.store.count_dead_letters(since)

    async def recount_dead_letters(self) -> None:
        """Count the letters anew by reading every one."""
        await self.store.recount_dead_letters()
