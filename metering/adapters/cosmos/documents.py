"""Documents of one container: created once, replaced or removed only under the current ETag."""

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.cosmos.exceptions import CosmosAccessConditionFailedError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import Container
from metering.core.basics.documents import Document


class CosmosDocuments:
    """The documents of one container."""

    def __init__(self, account: CosmosAccount, container: Container) -> None:
        self._account = account
        self._container = container

    async def create(self, document: Document) -> bool:
        """Create a document; return False if its id is taken."""
        return await self.put(document, None) is not None

    async def put(self, document: Document, etag: str | None) -> str | None:
        """Create a document (no ETag) or replace the one that has this ETag.

        Return the new ETag, or None if another process has created, changed or removed it.
        """
        async with self._account.container(self._container) as container:
            with suppress(ResourceExistsError, CosmosAccessConditionFailedError), missing_item():
                if etag is None:
                    written = await container.create_item(document)
                else:
                    written = await container.replace_item(
                        document["id"],
                        document,
                        etag=etag,
                        match_condition=MatchConditions.IfNotModified,
                    )
                return str(written["_etag"])
        return None

    async def read(self, name: str, partition: str) -> Document | None:
        """Return a document, or None if it does not exist: a point read."""
        async with self._account.container(self._container) as container:
            with missing_item():
                found: Document = await container.read_item(name, partition_key=partition)
                return found
        return None

    async def remove(self, name: str, partition: str, etag: str) -> bool:
        """Remove the document that has this ETag; return False if it has changed or is gone."""
        async with self._account.container(self._container) as container:
            with suppress(CosmosAccessConditionFailedError), missing_item():
                await container.delete_item(
                    name,
                    partition_key=partition,
                    etag=etag,
                    match_condition=MatchConditions.IfNotModified,
                )
                return True
        return False

    async def select(
        self,
        query: str,
        values: Mapping[str, object] = MappingProxyType({}),
        *,
        partition: str | None = None,
        limit: int | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[Document]:
        """Yield the results of a query, at most `limit`; `values` are its parameters by name.

        Without a partition the query reads all of them.
        """
        parameters = [{"name": name, "value": value} for name, value in values.items()]
        options: dict[str, Any] = {
            "parameters": parameters or None,
            "partition_key": partition,
            "max_item_count": page_size or limit,
        }
        given = {name: value for name, value in options.items() if value is not None}
        left = limit
        async with self._account.container(self._container) as container:
            async for document in container.query_items(query, **given):
                yield document
                left = None if left is None else left - 1
                if left == 0:
                    return


@contextmanager
def missing_item() -> Iterator[None]:
    """Suppress the error of a missing item, but not of its container or database.

    The service answers substatus 1003 for a missing container or database, none for an item.
    """
    try:
        yield
    except ResourceNotFoundError as error:
        if getattr(error, "sub_status", None):
            raise
