"""Cost allocations in Cosmos DB: one compressed item each, created once."""

import base64
import zlib
from hashlib import sha256
from typing import Final

from pydantic_core import from_json, to_json

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import SHARINGS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.allocation_document import read_allocation, write_allocation
from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.basics.instants import Instant, format_instant

#: An item holds at most 2 MB. A tenant takes less than 100 bytes, most of them a hash.
MAX_ITEM_BYTES: Final = 1_900_000


class CosmosAllocations:
    """Implements AllocationStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._documents = CosmosDocuments(account, SHARINGS)

    async def put_allocation(self, allocation: Allocation) -> bool:
        """Store an allocation; return False if its deployment and month have one."""
        content = zlib.compress(to_json(write_allocation(allocation)), level=9)
        packed = base64.b64encode(content).decode()
        if len(packed) > MAX_ITEM_BYTES:
            raise ConfigurationError(
                f"allocation of {allocation.deployment}: {len(allocation.shares)} tenants are too"
                " many for one document: give some of them a deployment of their own"
            )
        document = {
            "id": _name(allocation.deployment),
            "month": format_instant(allocation.month.start),
            "deployment": allocation.deployment,
            "content": packed,
        }
        return await self._documents.create(document)

    async def read_allocation(self, deployment: str, month_start: Instant) -> Allocation | None:
        """Return the allocation of a deployment and month: a point read."""
        found = await self._documents.read(_name(deployment), format_instant(month_start))
        if found is None:
            return None
        try:
            document = from_json(zlib.decompress(base64.b64decode(found["content"])))
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            reason = f"allocation of {deployment}: cannot be unpacked: {error!r}"
            raise InvariantBroken(reason) from None
        return read_allocation(document)


def _name(deployment: str) -> str:
    """Return an id: a deployment's key contains a slash, which an id must not."""
    return sha256(deployment.casefold().encode()).hexdigest()
