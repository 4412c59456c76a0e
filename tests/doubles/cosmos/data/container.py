"""A container: items by partition key and id, changed only in transactions on one partition key."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.cosmos.addresses import make_rid
from tests.doubles.cosmos.data.documents import Item, expired, size_of
from tests.doubles.cosmos.data.partitions import KeyDefinition, PhysicalPartitions, effective_key


@dataclass(slots=True)
class Container:
    """The content of a container; `previous` has the items before their last change."""

    database_rid: tuple[int, int]
    number: int
    properties: dict[str, Any]
    ranges: PhysicalPartitions
    clock: Callable[[], int]
    lsn: int = 0
    created: int = 0
    partitions: dict[str, dict[str, Item]] = field(default_factory=dict)
    previous: dict[tuple[str, str], Item | None] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Return the name."""
        return str(self.properties["id"])

    @property
    def rid(self) -> str:
        """Return the resource id."""
        return make_rid(self.database_rid, (self.number, 4))

    @property
    def self_link(self) -> str:
        """Return the link by resource ids."""
        return f"dbs/{make_rid(self.database_rid)}/colls/{self.rid}/"

    @property
    def key(self) -> KeyDefinition:
        """Return the partition key's definition."""
        return KeyDefinition.read(self.properties["partitionKey"])

    def range_of(self, key: str) -> int:
        """Return the number of the physical partition that holds a partition key."""
        return self.ranges.holding(effective_key(self.key, key))

    def session_token(self, range_number: int) -> str:
        """Return the token of a physical partition; all share one sequence of commits."""
        return f"{range_number}:-1#{self.lsn}"

    def find(self, key: str, id_: str) -> Item | None:
        """Return an item unless it is missing or expired."""
        item = self.partitions.get(key, {}).get(id_)
        if item is None or expired(item, self.properties.get("defaultTtl"), self.clock()):
            return None
        return item

    def live(self, key: str) -> Iterator[Item]:
        """Return the items of a partition key that have not expired."""
        default_ttl, now = self.properties.get("defaultTtl"), self.clock()
        items = self.partitions.get(key, {}).values()
        return (item for item in items if not expired(item, default_ttl, now))

    def id_of(self, rid: str) -> str:
        """Return the id of the item with a resource id, or the resource id if unknown."""
        items = (item for items in self.partitions.values() for item in items.values())
        return next((item.id for item in items if item.document["_rid"] == rid), rid)

    def begin(self, key: str) -> "Transaction":
        """Start a transaction on a partition key."""
        return Transaction(self, key, ts=self.clock())


@dataclass(slots=True)
class Transaction:
    """Changes to one partition key that become visible together on commit."""

    container: Container
    key: str
    ts: int
    changes: dict[str, Item | None] = field(default_factory=dict)
    writes: int = 0
    created: int = 0

    def find(self, id_: str) -> Item | None:
        """Return an item as this transaction sees it."""
        if id_ in self.changes:
            return self.changes[id_]
        return self.container.find(self.key, id_)

    def put(self, fields: dict[str, Any]) -> Item:
        """Create or replace an item."""
        size, id_ = size_of(fields), fields["id"]
        before = self.find(id_)
        self.writes += 1
        if before is None:
            self.created += 1
        ordinal = before.ordinal if before else self.container.created + self.created
        lsn = self.container.lsn + 1
        etag = f'"{lsn:08x}-{self.writes:04x}-0100-0000-{self.ts:08x}0000"'
        rid = make_rid(self.container.database_rid, (self.container.number, 4), (ordinal, 8))
        document = {
            **fields,
            "_rid": rid,
            "_self": f"{self.container.self_link}docs/{rid}/",
            "_etag": etag,
            "_attachments": "attachments/",
            "_ts": self.ts,
        }
        item = Item(document, etag, self.ts, lsn, ordinal, size)
        self.changes[id_] = item
        return item

    def remove(self, id_: str) -> None:
        """Remove an item."""
        self.writes += 1
        self.changes[id_] = None

    def commit(self) -> None:
        """Make the changes visible."""
        if not self.changes:
            return
        partition = self.container.partitions.setdefault(self.key, {})
        for id_, item in self.changes.items():
            self.container.previous[(self.key, id_)] = self.container.find(self.key, id_)
            if item is None:
                partition.pop(id_, None)
            else:
                partition[id_] = item
        self.container.lsn += 1
        self.container.created += self.created
