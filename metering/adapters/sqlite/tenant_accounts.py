"""Accounts of tenants in SQLite."""

import sqlite3

from pydantic_core import from_json, to_json

from metering.adapters.sqlite.database import Database
from metering.core.basics.documents import Document
from metering.core.basics.errors import HeadMovedError, InvariantBroken
from metering.core.credit.account import Account, read_account, write_account
from metering.ports import StoredAccount


class SqliteTenantAccounts:
    """Implements AccountStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_account(self, tenant: str) -> StoredAccount | None:
        """Return the account as last written."""
        found = await self._database.read(
            lambda connection: connection.execute(
                "SELECT document, etag FROM accounts WHERE tenant = ?", (tenant,)
            ).fetchone()
        )
        if found is None:
            return None
        return StoredAccount(read_account(_parsed(tenant, found[0]), tenant), str(found[1]))

    async def replace_account(self, account: Account, etag: str | None) -> str:
        """Write an account whole, if its tag still holds."""
        content = to_json(write_account(account))
        return await self._database.write(
            lambda connection: _replace(connection, account.tenant, content, etag)
        )


def _replace(connection: sqlite3.Connection, tenant: str, content: bytes, etag: str | None) -> str:
    found = connection.execute("SELECT etag FROM accounts WHERE tenant = ?", (tenant,)).fetchone()
    present = None if found is None else str(found[0])
    if present != etag:
        raise HeadMovedError(f"account {tenant}: is no longer {etag}")
    (new,) = connection.execute(
        "INSERT INTO accounts (tenant, etag, document) VALUES (?, 1, ?)"
        " ON CONFLICT DO UPDATE SET etag = etag + 1, document = excluded.document RETURNING etag",
        (tenant, content),
    ).fetchone()
    return str(new)


def _parsed(tenant: str, content: bytes) -> Document:
    try:
        document = from_json(content)
    except ValueError as error:
        raise InvariantBroken(f"account {tenant}: is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvariantBroken(f"account {tenant}: is not a JSON object")
    return document
