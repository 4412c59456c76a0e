"""Partition keys: their value in an item, their text, the physical partition that holds them."""

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from azure.cosmos import PartitionKey

from tests.doubles.cosmos.errors import PARTITION_KEY_MISMATCH, bad_request

_HASH_SPACE = 0x40
"""Hashes start with 00 to 3F: the two highest bits are cleared."""

_MAX_PATHS = 3
_UNDEFINED: dict[str, Any] = {}
"""How a key that the item lacks is written in the header."""


def key_text(components: Sequence[Any]) -> str:
    """Return a partition key's value in one form, whatever way it was written."""
    return json.dumps(
        [int(one) if isinstance(one, float) and one.is_integer() else one for one in components],
        separators=(",", ":"),
        ensure_ascii=False,
    )


@dataclass(frozen=True, slots=True)
class KeyDefinition:
    """A container's partition key: one path, or up to three for a hierarchical one."""

    paths: tuple[str, ...]
    kind: str
    version: int

    @classmethod
    def read(cls, value: Any) -> "KeyDefinition":
        """Take a definition from a container's properties, or refuse it."""
        if not isinstance(value, dict) or not value.get("paths"):
            raise bad_request("The partition key definition of the container is missing.")
        paths, kind = tuple(value["paths"]), value.get("kind", "Hash")
        if kind not in {"Hash", "MultiHash"} or len(paths) > (_MAX_PATHS if kind != "Hash" else 1):
            raise bad_request(f"The partition key definition {value!r} is invalid.")
        return cls(paths, kind, int(value.get("version", 1)))

    def of(self, document: dict[str, Any]) -> str:
        """Return the text of an item's partition key."""
        return key_text([_value_at(document, path) for path in self.paths])

    def of_header(self, header: str) -> str:
        """Return the text of the partition key in a request's header, or refuse it."""
        try:
            components = json.loads(header)
        except ValueError as error:
            raise bad_request(f"Partition key {header} is invalid.") from error
        if not isinstance(components, list) or len(components) != len(self.paths):
            raise bad_request(
                "Partition key provided either doesn't correspond to definition in the collection"
                " or doesn't match partition key field values specified in the document.",
                substatus=PARTITION_KEY_MISMATCH,
            )
        return key_text(components)

    def fields(self) -> frozenset[str]:
        """Return the first field of every path."""
        return frozenset(_steps(path)[0] for path in self.paths)


def _steps(path: str) -> list[str]:
    return [step.strip("\"'") for step in path.strip("/").split("/")]


def _value_at(document: dict[str, Any], path: str) -> Any:
    value: Any = document
    for step in _steps(path):
        if not isinstance(value, dict) or step not in value:
            return _UNDEFINED
        value = value[step]
    return _UNDEFINED if isinstance(value, dict | list) else value


@lru_cache(maxsize=65536)
def effective_key(definition: KeyDefinition, key: str) -> str:
    """Return the hash of a partition key, by ranges of which clients ask for items.

    It is computed by the client's own code: how the service spreads keys is not what is tested.
    """
    hashed = PartitionKey._get_hashed_partition_key_string  # noqa: SLF001 - no public way
    return str(hashed(json.loads(key), kind=definition.kind, version=definition.version))


@dataclass(frozen=True, slots=True)
class PhysicalPartitions:
    """The hash space cut into equal ranges; each is a physical partition with an id."""

    count: int

    @property
    def bounds(self) -> list[str]:
        """Return where each range but the first starts."""
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
