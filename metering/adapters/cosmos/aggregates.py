"""Spans of counters in Cosmos DB: one logical partition for each run.

Every write replaces a document of the run as a whole under its ETag: two processes may not write
spans of one run that do not know of each other, since each follows on from the one before.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any, Final

from azure.cosmos.exceptions import CosmosBatchOperationError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import AGGREGATES
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.adapters.cosmos.refusals import MOVED
from metering.core.aggregates.span import Span
from metering.core.aggregates.span_document import read_span, write_span
from metering.core.basics.documents import Document
from metering.core.basics.instants import SECOND, Instant
from metering.ports import SpanChange, StoredSpans

_PAGE: Final = 200
#: The number of the run's own document: above that of every span, so that it is read with the last.
_RUN: Final = 2**31


class CosmosAggregates:
    """Implements AggregateStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account
        self._documents = CosmosDocuments(account, AGGREGATES)

    async def latest(self, run: str, limit: int | None) -> StoredSpans:
        """Return the last spans of a run: a query of one partition, which the run begins."""
        found = self._documents.select(
            "SELECT * FROM c ORDER BY c.number DESC",
            partition=run,
            limit=None if limit is None else limit + 1,
            page_size=_PAGE if limit is None else None,
        )
        documents = [document async for document in found]
        if not documents:
            return StoredSpans((), None)
        first, *spans = documents
        return StoredSpans([read_span(one) for one in reversed(spans)], first["_etag"])

    async def write(
        self,
        run: str,
        etag: str | None,
        changes: Sequence[SpanChange],
        now: Instant,  # noqa: ARG002, `_ts`
    ) -> str | None:
        """Write spans in one batch, with the run under its ETag."""
        async with self._account.container(AGGREGATES) as container:
            try:
                results = await container.execute_item_batch(
                    _operations(run, etag, changes), partition_key=run
                )
            except CosmosBatchOperationError as error:
                if error.status_code in MOVED:
                    return None
                raise
        return str(results[0]["eTag"])

    async def due(self, until: Instant, limit: int) -> list[Span]:
        """Return spans that are due: only those that are not published have the property."""
        found = self._documents.select(
            "SELECT * FROM c WHERE c.due <= @until", {"@until": until}, limit=limit
        )
        return [read_span(document) async for document in found]

    async def between(self, first: int, end: int) -> AsyncIterator[Span]:
        """Yield spans by their numbers: a query of all partitions."""
        found = self._documents.select(
            "SELECT * FROM c WHERE c.number >= @first AND c.number < @end",
            {"@first": first, "@end": end},
            page_size=_PAGE,
        )
        async for document in found:
            yield read_span(document)

    async def forget(self, before: Instant) -> None:
        """Do nothing: the service removes documents at the end of their time to live."""


def _operations(run: str, etag: str | None, changes: Iterable[SpanChange]) -> list[tuple[Any, ...]]:
    whole: Document = {"id": run, "run": run, "number": _RUN}
    made: list[tuple[Any, ...]] = [
        ("create", (whole,)) if etag is None else ("replace", (run, whole), {"if_match_etag": etag})
    ]
    for span, keep_for, due in changes:
        document: Document = {**write_span(span), "ttl": keep_for // SECOND}
        if due is not None:
            document["due"] = due
        made.append(("upsert", (document,)))
    return made
