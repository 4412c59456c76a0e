"""Published price versions in Cosmos DB: one item each, compressed."""

import base64
import zlib
from contextlib import suppress
from typing import Final

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import PRICES
from metering.adapters.cosmos.ledger import is_missing_item
from metering.core.basics.errors import ConfigurationError

#: An item takes 2 MB; a list of a thousand prices takes 30 KB of it.
MAX_ITEM_BYTES: Final = 1_900_000


class CosmosPrices:
    """Implements PriceStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def put_version(self, version: str, content: bytes) -> bool:
        """Keep a version's price file, unless that name has another."""
        packed = base64.b64encode(zlib.compress(content, level=9)).decode()
        if len(packed) > MAX_ITEM_BYTES:
            raise ConfigurationError(f"prices {version}: are too many for one version: split them")
        async with self._account.container(PRICES) as container:
            with suppress(ResourceExistsError):
                await container.create_item({"id": version, "content": packed})
                return True
        return await self.read_version(version) == content

    async def read_version(self, version: str) -> bytes | None:
        """Return a version's price file."""
        async with self._account.container(PRICES) as container:
            try:
                found = await container.read_item(version, partition_key=version)
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return None
                raise
        return zlib.decompress(base64.b64decode(found["content"]))
