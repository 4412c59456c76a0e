"""Cost allocations in Cosmos DB: one compressed item each, created once; accruals are replaced."""

import base64
import zlib
from hashlib import sha256
from typing import Final

from pydantic_core import from_json, to_json

from metering.adapters.cosmos.account import CosmosAccount
from metering.adapters.cosmos.containers import SHARINGS
from metering.adapters.cosmos.documents import CosmosDocuments
from metering.core.allocation.accrual import Accrual
from metering.core.allocation.allocation import Allocation
from metering.core.allocation.allocation_document import (
    read_accrual,
    read_allocation,
    write_accrual,
    write_allocation,
)
from metering.core.basics.documents import Document
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
        content = write_allocation(allocation)
        return await self._documents.create(
            _packed(_name(allocation.deployment), allocation, content)
        )

    async def read_allocation(self, deployment: str, month_start: Instant) -> Allocation | None:
        """Return the allocation of a deployment and month: a point read."""
        found = await self._documents.read(_name(deployment), format_instant(month_start))
        return None if found is None else read_allocation(_unpacked(found, deployment))

    async def put_accrual(self, accrual: Accrual) -> bool:
        """Store an accrual; return False if a later one is stored, or another writer came first."""
        of = accrual.allocation
        name, month = _accrual_name(of.deployment), format_instant(of.month.start)
        before = await self._documents.read(name, month)
        if before is not None and read_accrual(_unpacked(before, of.deployment)).at > accrual.at:
            return False
        document = _packed(name, of, write_accrual(accrual))
        etag = None if before is None else str(before["_etag"])
        return await self._documents.put(document, etag) is not None

    async def read_accrual(self, deployment: str, month_start: Instant) -> Accrual | None:
        """Return the accrual of a deployment and month: a point read."""
        found = await self._documents.read(_accrual_name(deployment), format_instant(month_start))
        return None if found is None else read_accrual(_unpacked(found, deployment))


def _packed(name: str, of: Allocation, content: Document) -> Document:
    packed = base64.b64encode(zlib.compress(to_json(content), level=9)).decode()
    if len(packed) > MAX_ITEM_BYTES:
        raise ConfigurationError(
            f"allocation of {of.deployment}: {len(of.shares)} tenants are too many for one"
            " document: give some of them a deployment of their own"
        )
    return {
        "id": name,
        "month": format_instant(of.month.start),
        "deployment": of.deployment,
        "content": packed,
    }


def _unpacked(found: Document, deployment: str) -> Document:
    try:
        document: Document = from_json(zlib.decompress(base64.b64decode(found["content"])))
    except (KeyError, TypeError, ValueError, zlib.error) as error:
        reason = f"allocation of {deployment}: cannot be unpacked: {error!r}"
        raise InvariantBroken(reason) from None
    return document


def _name(deployment: str) -> str:
    """Return an id: a deployment's key contains a slash, which an id must not."""
    return sha256(deployment.casefold().encode()).hexdigest()


def _accrual_name(deployment: str) -> str:
    return f"accrual-{_name(deployment)}"
