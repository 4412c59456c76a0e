"""Dead letters in Cosmos DB: one item each, spread over all partitions."""

import base64
from collections.abc import Sequence
from contextlib import suppress

from azure.core.exceptions import ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import DEAD_LETTERS
from metering.core.basics.documents import Document
from metering.ports import DeadLetter


class CosmosDeadLetters:
    """Implements DeadLetterStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def put(self, letters: Sequence[DeadLetter]) -> None:
        """Keep these; one that is there already stays as it is."""
        await self._account.create_all(DEAD_LETTERS, [_document(letter) for letter in letters])

    async def list_dead_letters(self, limit: int) -> list[DeadLetter]:
        """Return the latest `limit`, newest first."""
        letters: list[DeadLetter] = []
        async with self._account.container(DEAD_LETTERS) as container:
            found = container.query_items(
                "SELECT * FROM c ORDER BY c.received DESC", max_item_count=limit
            )
            async for document in found:
                letters.append(_letter(document))
                if len(letters) == limit:
                    break
        return letters

    async def find_dead_letters(self, prefix: str) -> list[DeadLetter]:
        """Return those whose id begins so."""
        async with self._account.container(DEAD_LETTERS) as container:
            found = container.query_items(
                "SELECT * FROM c WHERE STARTSWITH(c.id, @prefix)",
                parameters=[{"name": "@prefix", "value": prefix}],
            )
            return [_letter(document) async for document in found]

    async def count_dead_letters(self) -> dict[str, int]:
        """Return how many there are by code."""
        counts: dict[str, int] = {}
        async with self._account.container(DEAD_LETTERS) as container:
            async for found in container.query_items("SELECT c.code FROM c"):
                counts[found["code"]] = counts.get(found["code"], 0) + 1
        return dict(sorted(counts.items()))

    async def remove_dead_letters(self, ids: Sequence[str]) -> None:
        """Forget these; one that is gone already is no error."""
        async with self._account.container(DEAD_LETTERS) as container:
            for name in ids:
                with suppress(ResourceNotFoundError):
                    await container.delete_item(name, partition_key=name)


def _document(letter: DeadLetter) -> Document:
    """Write the body as base64: it need not be text, let alone JSON."""
    return {**letter._asdict(), "body": base64.b64encode(letter.body).decode()}


def _letter(document: Document) -> DeadLetter:
    values = {name: document[name] for name in DeadLetter._fields}
    return DeadLetter(**{**values, "body": base64.b64decode(document["body"])})
