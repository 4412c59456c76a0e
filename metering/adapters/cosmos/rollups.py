"""Rollups in Cosmos DB: one logical partition for each ledger, written by transactional batch."""

from collections.abc import AsyncIterator, Collection
from itertools import batched
from typing import Any, Final

from azure.core.exceptions import ResourceNotFoundError
from azure.cosmos.exceptions import CosmosBatchOperationError
from pydantic_core import from_json

from metering.adapters.cosmos.account import (
    CONFLICT,
    NOT_FOUND,
    PRECONDITION_FAILED,
    CosmosAccount,
)
from metering.adapters.cosmos.containers import ROLLUPS
from metering.adapters.cosmos.ledger import is_missing_item
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

#: What a cursor answers that is not the one the step was made on: another, none, or one already.
_MOVED: Final = frozenset({CONFLICT, NOT_FOUND, PRECONDITION_FAILED})
#: Parts asked for in one query: a month has 248, and an expression is best kept short.
_NAMES_A_QUERY: Final = 100


class CosmosRollups:
    """Implements RollupStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def read_cursor(self, ledger: LedgerId) -> StoredCursor | None:
        """Return the cursor as last written: a point read."""
        async with self._account.container(ROLLUPS) as container:
            try:
                found = await container.read_item(CURSOR_ID, partition_key=str(ledger))
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return None
                raise
        return StoredCursor(read_cursor(found, ledger), found["_etag"])

    async def parts(self, ledger: LedgerId, names: Collection[PartName]) -> AsyncIterator[Part]:
        """Yield those of these parts that are there: queries of one partition, by id."""
        async with self._account.container(ROLLUPS) as container:
            for wanted in batched(map(str, names), _NAMES_A_QUERY, strict=False):
                marks = [f"@name{position}" for position in range(len(wanted))]
                found = container.query_items(
                    f"SELECT * FROM c WHERE c.id IN ({', '.join(marks)})",  # noqa: S608, names only
                    parameters=[
                        {"name": mark, "value": name}
                        for mark, name in zip(marks, wanted, strict=True)
                    ],
                    partition_key=str(ledger),
                )
                async for document in found:
                    yield read_part(document, ledger)

    async def write_rollup(self, step: Step, etag: str | None) -> str:
        """Write the parts, and the cursor if its tag still holds: all of it or nothing."""
        ledger = str(step.cursor.ledger)
        async with self._account.container(ROLLUPS) as container:
            try:
                # Built anew for every attempt: the SDK takes the conditions out of the list.
                results = await container.execute_item_batch(
                    _operations(step, etag), partition_key=ledger
                )
            except CosmosBatchOperationError as error:
                # Parts are written whatever there was, so only the cursor can refuse.
                if error.status_code in _MOVED:
                    raise HeadMovedError(f"rollup of {ledger}: somebody else was first") from error
                raise
        return str(results[-1]["eTag"])

    async def reset_rollup(self, ledger: LedgerId) -> str:
        """Put the cursor back to before the first page."""
        async with self._account.container(ROLLUPS) as container:
            written = await container.upsert_item(from_json(write_cursor(Cursor(ledger))))
        return str(written["_etag"])


def _operations(step: Step, etag: str | None) -> list[tuple[Any, ...]]:
    parts: list[tuple[Any, ...]] = [("upsert", (from_json(content),)) for content in step.contents]
    cursor = from_json(write_cursor(step.cursor))
    if etag is None:
        return [*parts, ("create", (cursor,))]
    return [*parts, ("replace", (CURSOR_ID, cursor), {"if_match_etag": etag})]
