"""Dead letters in Cosmos DB: one item each, spread over all partitions."""

import base64
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from azure.core.exceptions import ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import DEAD_LETTERS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.documents import Document
from metering.ports import DeadLetter


class CosmosDeadLetters:
    """Implements DeadLetterStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, DEAD_LETTERS)

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Store dead letters, except those whose id exists."""
        await self._account.create_all(DEAD_LETTERS, [_document(letter) for letter in letters])

    async def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest `limit`, newest first."""
        query = "SELECT * FROM c ORDER BY c.received DESC"
        return [_letter(found) async for found in self._documents.select(query, limit=limit)]

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return the dead letters whose id starts with `prefix`."""
        query = "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)"
        found = self._documents.select(query, {"@prefix": prefix})
        return [_letter(document) async for document in found]

    async def count_dead_letters(self) -> dict[str, int]:
        """Return the number of dead letters by code."""
        codes = [found["code"] async for found in self._documents.select("SELECT c.code FROM c")]
        return dict(sorted(Counter(codes).items()))

    async def remove_dead_letters(self, ids: Sequence[str]) -> None:
        """Remove dead letters; ignore those that are already gone."""
        async with self._account.container(DEAD_LETTERS) as container:
            for name in ids:
                with suppress(ResourceNotFoundError):
                    await container.delete_item(name, partition_key=name)


def _document(letter: DeadLetter) -> Document:
    """Write the body as base64: it may not be text, let alone JSON."""
    return {**letter._asdict(), "body": base64.b64encode(letter.body).decode()}


def _letter(document: Document) -> DeadLetter:
    values = {name: document[name] for name in DeadLetter._fields}
    return DeadLetter(**{**values, "body": base64.b64decode(document["body"])})
