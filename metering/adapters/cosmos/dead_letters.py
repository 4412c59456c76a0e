"""Dead letters in Cosmos DB: one item each, spread over all partitions, and their counts by day."""

import base64
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import batched
from typing import Final

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.cosmos.aio import ContainerProxy

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import DEAD_LETTERS
from metering.adapters.cosmos.documents import CosmosDocuments, missing_item
from metering.core.basics.documents import Document
from metering.core.basics.instants import SECOND, Instant
from metering.core.calendars.periods import day_at
from metering.ports import DeadLetter, DeadLetterCounts

#: The `code` of documents that count letters: no code of an event is like it.
_COUNTS: Final = "~counts"
#: Written once the letters of the version before counts have been counted.
_BEGUN: Final = "~begun"
_NEVER: Final = -1
#: Beginnings of the properties that count, before the code.
_KEPT: Final = "kept_"
_NOT_KEPT: Final = "not_kept_"
#: Operations of one patch (Cosmos DB limits, 2026).
_PATCHES: Final = 10

type _Changes = Mapping[str, Counter[str]]
"""More or fewer letters by day and code."""


class CosmosDeadLetters:
    """Implements DeadLetterStore.

    A letter and its count are two writes. After a crash in between the count is one less, until
    `recount_dead_letters`.
    """

    def __init__(self, account: CosmosAccount, keep_for: Instant) -> None:
        """Set how long a letter is kept, from its last write."""
        self._account = account
        self._documents = CosmosDocuments(account, DEAD_LETTERS)
        self._ttl_s = keep_for // SECOND

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters, except those whose id exists."""
        documents = [_document(letter, self._ttl_s) for letter in letters]
        there = await self._account.create_all(DEAD_LETTERS, documents)
        known = {document["id"] for document in there}
        await self._count(_KEPT, [one for one in letters if one.id not in known], 1)

    async def count_only(self, counts: Mapping[str, int], at: Instant) -> None:
        """Count events of which no letter is kept."""
        await self._add(_NOT_KEPT, {day_at(at): Counter(counts)})

    async def list_dead_letters(self, limit: int, code: str | None = None) -> list[DeadLetter]:
        """Return the latest `limit`, newest first; with `code`, only those of that code."""
        query, values = (
            "SELECT * FROM c WHERE c.received >= 0 ORDER BY c.received DESC",
            dict[str, object](),
        )
        if code is not None:
            query = "SELECT * FROM c WHERE c.code = @code ORDER BY c.received DESC"
            values = {"@code": code}
        return [
            _letter(found) async for found in self._documents.select(query, values, limit=limit)
        ]

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return the dead letters whose id starts with `prefix`."""
        query = "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)"
        found = self._documents.select(query, {"@prefix": prefix})
        return [_letter(document) async for document in found if document["code"] != _COUNTS]

    async def count_dead_letters(self, since: Instant = 0) -> DeadLetterCounts:
        """Return the numbers by code: one small document for each day is read."""
        days = await self._days()
        if not any(one["id"] == _BEGUN for one in days):
            await self.recount_dead_letters()
            days = await self._days()
        kept, not_kept = Counter[str](), Counter[str]()
        for one in days:
            if one.get("day", "") >= day_at(since):
                kept.update(_numbers(one, _KEPT))
                not_kept.update(_numbers(one, _NOT_KEPT))
        return DeadLetterCounts(_positive(kept), _positive(not_kept))

    async def _days(self) -> list[Document]:
        query = "SELECT * FROM c WHERE c.code = @code"
        return [one async for one in self._documents.select(query, {"@code": _COUNTS})]

    async def recount_dead_letters(self) -> None:
        """Count the letters anew by reading the code and time of every one."""
        days: defaultdict[str, Counter[str]] = defaultdict(Counter)
        query = "SELECT c.code, c.received FROM c"
        async for one in self._documents.select(query):
            if one["code"] != _COUNTS:
                days[day_at(one["received"])][one["code"]] += 1
        async with self._account.container(DEAD_LETTERS) as container:
            known = {one["day"]: one for one in await self._days() if "day" in one}
            for day in sorted(days.keys() | known.keys()):
                document = known.get(day) or _counts_of(day, self._ttl_s)
                counted = {f"{_KEPT}{code}": number for code, number in days[day].items()}
                stale = {name: 0 for name in document if name.startswith(_KEPT)}
                await container.upsert_item({**document, **stale, **counted})
            await container.upsert_item({"id": _BEGUN, "code": _COUNTS, "ttl": _NEVER})

    async def remove_dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Remove dead letters; ignore those that are already gone."""
        removed: list[DeadLetter] = []
        async with self._account.container(DEAD_LETTERS) as container:
            for letter in letters:
                try:
                    await container.delete_item(letter.id, partition_key=letter.id)
                except ResourceNotFoundError:
                    continue
                removed.append(letter)
        await self._count(_KEPT, removed, -1)

    async def forget_dead_letters(self, before: Instant) -> None:
        """Do nothing: the service removes them by their time to live."""

    async def _count(self, kind: str, letters: Sequence[DeadLetter], sign: int) -> None:
        days: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for letter in letters:
            days[day_at(letter.received)][letter.code] += sign
        await self._add(kind, days)

    async def _add(self, kind: str, changes: _Changes) -> None:
        async with self._account.container(DEAD_LETTERS) as container:
            for day, codes in changes.items():
                for some in batched(codes.items(), _PATCHES, strict=False):
                    await self._patch(container, day, kind, dict(some))

    async def _patch(
        self, container: ContainerProxy, day: str, kind: str, codes: Mapping[str, int]
    ) -> None:
        operations = [
            {"op": "incr", "path": f"/{kind}{code}", "value": more} for code, more in codes.items()
        ]
        name = _name(day)
        with missing_item():
            await container.patch_item(name, name, operations)
            return
        with suppress(ResourceExistsError):
            await container.create_item(_counts_of(day, self._ttl_s))
        await container.patch_item(name, name, operations)


def _name(day: str) -> str:
    """Return the id of the counts of a day; no letter's id, which is a hash, is like it."""
    return f"~{day}"


def _counts_of(day: str, ttl_s: int) -> Document:
    return {"id": _name(day), "code": _COUNTS, "day": day, "ttl": ttl_s}


def _numbers(document: Document, kind: str) -> dict[str, int]:
    return {
        name.removeprefix(kind): number
        for name, number in document.items()
        if name.startswith(kind)
    }


def _positive(counts: Counter[str]) -> dict[str, int]:
    return {code: number for code, number in sorted(counts.items()) if number > 0}


def _document(letter: DeadLetter, ttl_s: int) -> Document:
    """Write the body as base64: it may not be text, let alone JSON."""
    body = base64.b64encode(letter.body).decode()
    return {**letter._asdict(), "body": body, "ttl": ttl_s}


def _letter(document: Document) -> DeadLetter:
    values = {name: document[name] for name in DeadLetter._fields}
    return DeadLetter(**{**values, "body": base64.b64decode(document["body"])})
