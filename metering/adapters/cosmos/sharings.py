"""Sharings in Cosmos DB: one item each, compressed, created once."""

import base64
import zlib
from hashlib import sha256
from typing import Final

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from pydantic_core import from_json, to_json

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import SHARINGS
from metering.adapters.cosmos.ledger import is_missing_item
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.allocation_document import read_allocation, write_allocation
from metering.core.basics.errors import ConfigurationError, InvariantBroken
from metering.core.basics.instants import Instant, format_instant

#: An item takes 2 MB. A tenant takes less than 100 bytes of it, most of them a hash.
MAX_ITEM_BYTES: Final = 1_900_000


class CosmosSharings:
    """Implements AllocationStore."""

    def __init__(self, account: CosmosAccount) -> None:
        self._account = account

    async def put_allocation(self, allocation: Allocation) -> bool:
        """Keep an allocation, unless its id is taken."""
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
        async with self._account.container(SHARINGS) as container:
            try:
                await container.create_item(document)
            except ResourceExistsError:
                return False
        return True

    async def read_allocation(self, deployment: str, month_start: Instant) -> Allocation | None:
        """Return an allocation: a point read."""
        name, month = _name(deployment), format_instant(month_start)
        async with self._account.container(SHARINGS) as container:
            try:
                found = await container.read_item(name, partition_key=month)
            except ResourceNotFoundError as error:
                if is_missing_item(error):
                    return None
                raise
        try:
            document = from_json(zlib.decompress(base64.b64decode(found["content"])))
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            reason = f"sharing of {deployment}: cannot be unpacked: {error!r}"
            raise InvariantBroken(reason) from None
        return read_allocation(document)


def _name(deployment: str) -> str:
    """Return an id: a deployment's key has a slash, which an id may not have."""
    return sha256(deployment.casefold().encode()).hexdigest()
