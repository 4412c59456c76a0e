"""Accounts of tenants in Cosmos DB: one document each, replaced by ETag."""

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import ACCOUNTS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.errors import HeadMovedError
from metering.core.credit.account import ACCOUNT_ID, Account, read_account, write_account
from metering.ports import StoredAccount


class CosmosTenantAccounts:
    """Implements AccountStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, ACCOUNTS)

    async def read_account(self, tenant: str) -> StoredAccount | None:
        """Return the account as last written: a point read."""
        found = await self._documents.read(ACCOUNT_ID, tenant)
        return None if found is None else StoredAccount(read_account(found, tenant), found["_etag"])

    async def replace_account(self, account: Account, etag: str | None) -> str:
        """Write an account whole, if its ETag is still `etag`."""
        written = await self._documents.put(write_account(account), etag)
        if written is None:
            raise HeadMovedError(f"account {account.tenant}: its ETag is no longer {etag}")
        return written
