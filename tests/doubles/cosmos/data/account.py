"""The account: its description, its databases and its containers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.cosmos.addresses import Address, make_rid
from tests.doubles.cosmos.data import charges
from tests.doubles.cosmos.data.container import Container
from tests.doubles.cosmos.data.documents import check_id
from tests.doubles.cosmos.data.indexing import DEFAULT_POLICY
from tests.doubles.cosmos.data.partitions import KeyDefinition, PhysicalPartitions
from tests.doubles.cosmos.errors import (
    Refusal,
    bad_request,
    conflict,
    owner_not_found,
    resource_not_found,
    unsupported,
)
from tests.doubles.cosmos.exchange import Answer

_SETTABLE = ("partitionKey", "indexingPolicy", "defaultTtl", "conflictResolutionPolicy")


@dataclass(slots=True)
class Database:
    """A database and its containers by name."""

    id: str
    number: int
    ts: int
    containers: dict[str, Container] = field(default_factory=dict)

    @property
    def rid(self) -> str:
        """Return the resource id."""
        return make_rid((self.number, 4))

    def description(self) -> dict[str, Any]:
        """Return the description that a client reads."""
        return {
            "id": self.id,
            "_rid": self.rid,
            "_self": f"dbs/{self.rid}/",
            "_etag": f'"{self.number:08x}-0000-0100-0000-{self.ts:08x}0000"',
            "_colls": "colls/",
            "_users": "users/",
            "_ts": self.ts,
        }


@dataclass(slots=True)
class Account:
    """All databases, and the operations on databases and containers."""

    clock: Callable[[], int]
    ranges: PhysicalPartitions
    databases: dict[str, Database] = field(default_factory=dict)
    made: int = 0

    def describe(self, endpoint: str) -> Answer:
        """Answer a client's first request: the regions and the consistency level."""
        place = [{"name": "Loopback", "databaseAccountEndpoint": endpoint}]
        body = {
            "_self": "",
            "id": "cosmos-peer-for-tests",
            "_rid": "cosmos-peer-for-tests",
            "media": "//media/",
            "addresses": "//addresses/",
            "_dbs": "//dbs/",
            "writableLocations": place,
            "readableLocations": place,
            "enableMultipleWriteLocations": False,
            "userReplicationPolicy": {"minReplicaSetSize": 3, "maxReplicasetSize": 4},
            "userConsistencyPolicy": {"defaultConsistencyLevel": "Session"},
            "systemReplicationPolicy": {"minReplicaSetSize": 3, "maxReplicasetSize": 4},
            "readPolicy": {"primaryReadCoefficient": 1, "secondaryReadCoefficient": 1},
            "queryEngineConfiguration": "{}",
        }
        return Answer(200, body, charges.METADATA)

    def database(self, address: Address) -> Database:
        """Return the database of an address, by name or resource id, or refuse."""
        name = address.database
        found = self.databases.get(name)
        if found is None:
            found = next((one for one in self.databases.values() if one.rid == name), None)
        if found is None:
            raise self._missing(address, "dbs", f"database {name}")
        return found

    def container(self, address: Address) -> Container:
        """Return the container of an address, by name or resource id, or refuse."""
        name, containers = address.container, self.database(address).containers
        found = containers.get(name)
        if found is None:
            found = next((one for one in containers.values() if one.rid == name), None)
        if found is None:
            raise self._missing(address, "colls", f"container {name}")
        return found

    def names(self, address: Address) -> tuple[str, str, str]:
        """Return the names of database, container and item, also for an address by resource ids."""
        if not address.by_rid:
            return address.database, address.container, address.item
        database = self.database(address).id
        if not address.container:
            return database, "", ""
        container = self.container(address)
        return database, container.id, container.id_of(address.item)

    @staticmethod
    def _missing(address: Address, type_: str, what: str) -> Refusal:
        itself = address.type == type_ and not address.is_feed
        return resource_not_found(what) if itself else owner_not_found(what)

    def create_database(self, body: Any) -> Answer:
        """Create a database."""
        name = check_id(body.get("id"))
        if name in self.databases:
            raise conflict()
        self.made += 1
        self.databases[name] = Database(name, self.made, self.clock())
        return Answer(201, self.databases[name].description(), charges.METADATA)

    def create_container(self, database: Database, body: Any) -> Answer:
        """Create a container."""
        name = check_id(body.get("id"))
        if name in database.containers:
            raise conflict()
        self.made += 1
        properties = _settings(body)
        container = Container((database.number, 4), self.made, properties, self.ranges, self.clock)
        database.containers[name] = container
        return Answer(201, describe_container(container), charges.METADATA)


def describe_container(container: Container) -> dict[str, Any]:
    """Return the description of a container that a client reads."""
    return {
        **container.properties,
        "_rid": container.rid,
        "_self": container.self_link,
        "_etag": f'"{container.number:08x}-0000-0100-0000-000000000000"',
        "_docs": "docs/",
        "_sprocs": "sprocs/",
        "_triggers": "triggers/",
        "_udfs": "udfs/",
        "_conflicts": "conflicts/",
        "_ts": 0,
    }


def _settings(body: Any) -> dict[str, Any]:
    """Return the properties of a container to store; refuse those that the double lacks."""
    if body.get("uniqueKeyPolicy", {}).get("uniqueKeys"):
        raise unsupported("unique keys")
    KeyDefinition.read(body.get("partitionKey"))
    ttl = body.get("defaultTtl")
    if ttl is not None and (isinstance(ttl, bool) or not isinstance(ttl, int) or ttl == 0):
        raise bad_request(f"The value {ttl!r} of defaultTtl is invalid.")
    kept = {name: body[name] for name in _SETTABLE if body.get(name) is not None}
    return {"indexingPolicy": DEFAULT_POLICY, **kept, "id": body["id"]}
