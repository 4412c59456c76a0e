"""Accounts of tenants in SQLite: one row each, replaced by tag."""

from pydantic_core import to_json

from metering.adapters.sqlite.database import Database, parse_document
from metering.core.basics.errors import HeadMovedError, InvariantBroken
from metering.core.credit.account import Account, read_account, write_account
from metering.ports import StoredAccount


class SqliteTenantAccounts:
    """Implements AccountStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read_account(self, tenant: str) -> StoredAccount | None:
        """Return the account as last written."""
        found = await self._database.one(
            "SELECT document, etag FROM accounts WHERE tenant = ?", tenant
        )
        if found is None:
            return None
        document = parse_document(
            found[0], lambda reason: InvariantBroken(f"account {tenant}: {reason}")
        )
        return StoredAccount(read_account(document, tenant), str(found[1]))

    async def replace_account(self, account: Account, etag: str | None) -> str:
        """Write an account whole, if its tag is still `etag`."""
        tenant, content = account.tenant, to_json(write_account(account))
        if etag is None:
            insert = "INSERT OR IGNORE INTO accounts (tenant, etag, document) VALUES (?, 1, ?)"
            written = await self._database.change(insert, tenant, content)
        else:
            update = (
                "UPDATE accounts SET etag = etag + 1, document = ? WHERE tenant = ? AND etag = ?"
            )
            written = await self._database.change(update, content, tenant, etag)
        if not written:
            raise HeadMovedError(f"account {tenant}: its tag is no longer {etag}")
        return str(int(etag or 0) + 1)
