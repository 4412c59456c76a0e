"""Accounts of tenants in Cosmos DB: one document each, replaced on its tag."""

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import ACCOUNTS
from metering.adapters.cosmos.ledger import is_missing_item
from metering.core.basics.errors import HeadMovedError
from metering.core.credit.account import ACCOUNT_ID, Account, read_account, write_account
from metering.ports import StoredAccount


class CosmosTenantAccounts:
    """Implements AccountStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def read_account(self, tenant: str) -> StoredAccount | None:
        """Return the account as last written: a point read."""
        async with self._account.container(ACCOUNTS) as container:
            try:
                found = await container.read_item(ACCOUNT_ID, partition_key=tenant)
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return None
                raise
        return StoredAccount(read_account(found, tenant), found["_etag"])

    async def replace_account(self, account: Account, etag: str | None) -> str:
        """Write an account whole, if its tag still holds; a 412 is HeadMovedError by itself."""
        document = write_account(account)
        async with self._account.container(ACCOUNTS) as container:
            try:
                if etag is None:
                    written = await container.create_item(document)
                else:
                    written = await container.replace_item(
                        ACCOUNT_ID,
                        document,
                        etag=etag,
                        match_condition=MatchConditions.IfNotModified,
                    )
            except ResourceExistsError as error:
                raise HeadMovedError(f"account {account.tenant}: is there already") from error
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    raise HeadMovedError(f"account {account.tenant}: is gone") from error
                raise
        return str(written["_etag"])
