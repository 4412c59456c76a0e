"""Harm to one ledger, on either store: documents changed, removed and put beside the others."""

import json
from typing import Any

from pydantic_core import from_json

from metering.adapters.cosmos.segments import unpacked
from metering.adapters.sqlite.database import Database
from metering.core.calendars.periods import LedgerId
from tests.doubles.cosmos import CosmosPeer

type Document = dict[str, Any]


class Documents:
    """The documents of ledgers behind the back of the product."""

    def __init__(self, database: Database | None, peer: CosmosPeer | None) -> None:
        self._database = database
        self._peer = peer

    async def page(self, ledger: LedgerId, number: int) -> Document:
        if self._database is not None:
            query = "SELECT document FROM pages WHERE ledger = ? AND number = ?"
            found = await self._database.one(query, str(ledger), number)
            assert found is not None
            document: Document = from_json(found[0])
            return document
        name = f"page-{number:08d}"
        return unpacked(next(one for one in self._all(ledger) if one["id"] == name), ledger)

    def _all(self, ledger: LedgerId) -> list[Document]:
        assert self._peer is not None
        found = self._peer.documents("metering", "ledgers")
        return [one for one in found if one["ledger"].split("#")[0] == str(ledger)]

    async def remove_page(self, ledger: LedgerId, number: int) -> None:
        name = f"page-{number:08d}"
        if self._database is None:
            await self._delete(ledger, name)
        else:
            await self._database.change(
                "DELETE FROM pages WHERE ledger = ? AND number = ?", str(ledger), number
            )

    async def remove_head(self, ledger: LedgerId) -> None:
        if self._database is None:
            await self._delete(ledger, "head")
        else:
            await self._database.change("DELETE FROM heads WHERE ledger = ?", str(ledger))

    async def change_page(self, ledger: LedgerId, number: int, **changes: Any) -> None:
        document = {**await self.page(ledger, number), **changes}
        if self._database is None:
            await self._upsert(document)
        else:
            await self._database.change(
                "UPDATE pages SET document = ? WHERE ledger = ? AND number = ?",
                *(json.dumps(document).encode(), str(ledger), number),
            )

    async def _delete(self, ledger: LedgerId, name: str) -> None:
        async with self._container() as container:
            found = next(one for one in self._all(ledger) if one["id"] == name)
            await container.delete_item(name, partition_key=found["ledger"])

    async def _upsert(self, document: Document) -> None:
        async with self._container() as container:
            await container.upsert_item(document)

    def _container(self) -> Any:
        from contextlib import asynccontextmanager  # noqa: PLC0415

        from azure.cosmos.aio import CosmosClient  # noqa: PLC0415

        peer = self._peer
        assert peer is not None

        @asynccontextmanager
        async def opened() -> Any:
            async with CosmosClient(peer.url, peer.key) as client:
                yield client.get_database_client("metering").get_container_client("ledgers")

        return opened()
