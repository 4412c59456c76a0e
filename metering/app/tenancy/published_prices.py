"""Published prices: versions in the store, verified against the announced hash."""

import hashlib

from metering.core.basics.errors import ConfigurationError, InvariantBroken, RetryableError
from metering.core.prices.price_book import NamedRow
from metering.core.prices.price_file import read_price_file
from metering.core.tenancy.record import Record
from metering.ports import PriceStore


async def read_published(store: PriceStore, record: Record) -> list[NamedRow]:
    """Return the rows of an announced version.

    Raises RetryableError if a replica does not have it yet, InvariantBroken if the content is not
    the one that was announced.
    """
    content = await store.read_version(record.key)
    if content is None:
        raise RetryableError(f"prices {record.key}: announced, but not readable yet")
    if hashlib.sha256(content).hexdigest() != record.value:
        raise InvariantBroken(f"prices {record.key}: the content has changed since publication")
    return read_price_file(f"prices {record.key}", content)


async def put_published(store: PriceStore, version: str, content: bytes) -> None:
    """Store a version before it is announced; ConfigurationError if the name is taken."""
    if not await store.put_version(version, content):
        raise ConfigurationError(
            f"prices {version}: another content was stored under this name: publish under another"
            " one"
        )
