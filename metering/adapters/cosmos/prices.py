"""Published price versions in Cosmos DB: one compressed item for each version."""

import base64
import zlib
from typing import Final

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import PRICES
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.basics.errors import ConfigurationError

#: An item holds at most 2 MB; a list of a thousand prices takes 30 KB.
MAX_ITEM_BYTES: Final = 1_900_000


class CosmosPrices:
    """Implements PriceStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, PRICES)

    async def put_version(self, version: str, content: bytes) -> bool:
        """Store a version's price file; return False if the version has other content."""
        packed = base64.b64encode(zlib.compress(content, level=9)).decode()
        if len(packed) > MAX_ITEM_BYTES:
            raise ConfigurationError(
                f"prices {version}: the compressed list exceeds {MAX_ITEM_BYTES:,} bytes; split it"
                " into several versions"
            )
        created = await self._documents.create({"id": version, "content": packed})
        return created or await self.read_version(version) == content

    async def read_version(self, version: str) -> bytes | None:
        """Return a version's price file, or None if the version does not exist."""
        found = await self._documents.read(version, version)
        return None if found is None else zlib.decompress(base64.b64decode(found["content"]))
