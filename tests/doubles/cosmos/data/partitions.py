"""Partition keys: their value in an item, their text, their physical partition."""

import json
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from azure.cosmos import PartitionKey

from tests.doubles.cosmos.errors import PARTITION_KEY_MISMATCH, bad_request, unsupported

_HASH_SPACE = 0x40
"""Hashes start with 00 to 3F: the two highest bits are cleared."""

_UNDEFINED: dict[str, Any] = {}
"""The header's form of a key that the item lacks."""


def _text(value: Any) -> str:
    """Return a partition key's value in one form, however a client wrote it."""
    whole = isinstance(value, float) and value.is_integer()
    return json.dumps([int(value) if whole else value], separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class KeyDefinition:
    """A container's partition key: one property at the top of an item."""

    path: str
    version: int

    @classmethod
    def read(cls, value: Any) -> "KeyDefinition":
        """Read a definition from a container's properties, or refuse it."""
        if not isinstance(value, dict) or not value.get("paths"):
            raise bad_request("The partition key definition of the container is missing.")
        [path, *others] = value["paths"]
        if others or value.get("kind", "Hash") != "Hash" or "/" in path[1:]:
            raise unsupported(f"the partition key definition {value!r}")
        return cls(path, int(value.get("version", 1)))

    @property
    def field(self) -> str:
        """Return the name of the property."""
        return self.path.strip("/")

    def of(self, document: dict[str, Any]) -> str:
        """Return the text of an item's partition key."""
        return _text(document.get(self.field, _UNDEFINED))

    def of_header(self, header: str) -> str:
        """Return the text of the partition key in a request's header, or refuse it."""
        try:
            [value] = json.loads(header)
        except (TypeError, ValueError) as error:
            raise bad_request(
                "Partition key provided either doesn't correspond to definition in the collection"
                " or doesn't match partition key field values specified in the document.",
                substatus=PARTITION_KEY_MISMATCH,
            ) from error
        return _text(value)


@lru_cache(maxsize=65536)
def effective_key(definition: KeyDefinition, key: str) -> str:
    """Return the hash of a partition key; clients query ranges of hashes.

    The client's own code computes it: no test depends on how the service spreads keys.
    """
    hashed = PartitionKey._get_hashed_partition_key_string  # noqa: SLF001 - no public way
    return str(hashed(json.loads(key), kind="Hash", version=definition.version))


@dataclass(frozen=True, slots=True)
class PhysicalPartitions:
    """The hash space cut into equal ranges; each is a physical partition with an id."""

    count: int

    @property
    def bounds(self) -> list[str]:
        """Return the start of each range except the first."""
        return [f"{_HASH_SPACE * n // self.count:02X}" for n in range(1, self.count)]

    def holding(self, effective: str) -> int:
        """Return the number of the range that holds a hash."""
        return bisect_right(self.bounds, effective)

    def descriptions(self, container_rid: str, container_self: str) -> list[dict[str, Any]]:
        """Return the ranges as the service lists them."""
        starts = ["", *self.bounds]
        ends = [*self.bounds, "FF"]
        return [
            {
                "_rid": f"{container_rid[:-2]}{n}C==",
                "id": str(n),
                "_etag": '"00000000-0000-0000-0000-000000000000"',
                "minInclusive": start,
                "maxExclusive": end,
                "ridPrefix": n,
                "_self": f"{container_self}pkranges/{n}/",
                "throughputFraction": 1 / self.count,
                "status": "online",
                "parents": [],
                "_ts": 0,
                "lsn": 1,
            }
            for n, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]
