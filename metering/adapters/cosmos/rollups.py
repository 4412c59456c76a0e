"""Rollups in Cosmos DB: one logical partition for each ledger, written by transactional batch."""

from collections.abc import AsyncIterator, Collection
from functools import partial
from itertools import batched
from typing import Any, Final

from azure.cosmos.exceptions import CosmosBatchOperationError
from pydantic_core import from_json

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import ROLLUPS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.refusals import MOVED
from metering.adapters.executor import EXECUTOR
from metering.core.basics.errors import HeadMovedError
from metering.core.calendars.periods import LedgerId
from metering.core.reports.rollup import Cursor, Part, PartName
from metering.core.reports.rollup_document import (
    CURSOR_ID,
    Step,
    read_cursor,
    read_part,
    write_cursor,
)
from metering.ports import StoredCursor

#: Parts in one query: a month has 248, and short expressions are cheaper.
_NAMES_A_QUERY: Final = 100


class CosmosRollups:
    """Implements RollupStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, ROLLUPS)

    async def read_cursor(self, ledger: LedgerId) -> StoredCursor | None:
        """Return the cursor as last written: a point read."""
        found = await self._documents.read(CURSOR_ID, str(ledger))
        return None if found is None else StoredCursor(read_cursor(found, ledger), found["_etag"])

    async def parts(self, ledger: LedgerId, names: Collection[PartName]) -> AsyncIterator[Part]:
        """Yield the parts that exist: queries of one partition, by id."""
        for wanted in batched(map(str, names), _NAMES_A_QUERY, strict=False):
            values = {f"@name{position}": name for position, name in enumerate(wanted)}
            query = f"SELECT * FROM c WHERE c.id IN ({', '.join(values)})"  # noqa: S608, names only
            async for document in self._documents.select(query, values, partition=str(ledger)):
                yield await EXECUTOR.run(partial(read_part, document, ledger))

    async def write_rollup(self, step: Step, etag: str | None) -> str:
        """Write the parts and the cursor in one batch, if the cursor's ETag is `etag`."""
        ledger = str(step.cursor.ledger)
        async with self._account.container(ROLLUPS) as container:
            try:
                # Built anew for every attempt: the SDK takes the conditions out of the list.
                results = await container.execute_item_batch(
                    _operations(step, etag), partition_key=ledger
                )
            except CosmosBatchOperationError as error:
                # Parts are written unconditionally, so only the cursor can be refused.
                if error.status_code in MOVED:
                    reason = f"rollup of {ledger}: another process wrote it first"
                    raise HeadMovedError(reason) from error
                raise
        return str(results[-1]["eTag"])

    async def reset_rollup(self, ledger: LedgerId) -> str:
        """Set the cursor back to before the first page."""
        async with self._account.container(ROLLUPS) as container:
            written = await container.upsert_item(from_json(write_cursor(Cursor(ledger))))
        return str(written["_etag"])


def _operations(step: Step, etag: str | None) -> list[tuple[Any, ...]]:
    parts: list[tuple[Any, ...]] = [("upsert", (from_json(content),)) for content in step.contents]
    cursor = from_json(write_cursor(step.cursor))
    if etag is None:
        return [*parts, ("create", (cursor,))]
    return [*parts, ("replace", (CURSOR_ID, cursor), {"if_match_etag": etag})]
