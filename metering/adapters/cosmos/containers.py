"""The containers: partition keys, index policies and time to live, as created by `metering init`.

Bicep creates the same ones in Azure. Only the properties that a query filters or orders by are
indexed: an index entry costs request units at every write.
"""

from typing import Any, Final, NamedTuple

#: A container honours the `ttl` of items only if it has a default; -1 lets items without one stay.
TTL_BY_ITEM: Final = -1


class Container(NamedTuple):
    """One container."""

    name: str
    partition_key: str
    """The path of the partition key."""
    reason: str
    """The decision behind the partition key."""
    indexed: tuple[str, ...]
    default_ttl: int | None = None

    @property
    def index_policy(self) -> dict[str, Any]:
        """The index policy: the named paths only."""
        return {
            "indexingMode": "consistent",
            "automatic": True,
            "includedPaths": [{"path": f"{path}/?"} for path in self.indexed],
            "excludedPaths": [{"path": "/*"}],
        }


LEDGERS: Final = Container(
    "ledgers",
    "/ledger",
    "docs/adr/0004-cosmos.md: pages, head and effects of a ledger are written in one transaction",
    ("/slot", "/number", "/next_at", "/tenant", "/due", "/parked"),
)
REGISTRY: Final = Container(
    "registry",
    "/registry",
    "docs/adr/0004-cosmos.md: the records form one sequence, read in order",
    ("/number", "/tenant"),
)
PRICES: Final = Container(
    "prices",
    "/id",
    "docs/adr/0004-cosmos.md: a version is read whole, by name",
    (),
)
DEAD_LETTERS: Final = Container(
    "dead_letters",
    "/id",
    "docs/adr/0004-cosmos.md: a flood of dead letters must not hit one partition",
    ("/received", "/code"),
    90 * 86_400,
)
REGISTERS: Final = Container(
    "registers",
    "/shard",
    "docs/adr/0007-streams.md: a slot is spread, so that no partition takes all writes",
    ("/place", "/due"),
    TTL_BY_ITEM,
)
AGGREGATES: Final = Container(
    "aggregates",
    "/run",
    "docs/adr/0024-aggregates.md: spans of one counter are written in one transaction",
    ("/number", "/due"),
    TTL_BY_ITEM,
)
PENDING: Final = Container(
    "pending",
    "/request_id",
    "docs/adr/0007-streams.md: only what versions before the register left is read here",
    ("/since",),
    TTL_BY_ITEM,
)
ROLLUPS: Final = Container(
    "rollups",
    "/ledger",
    "docs/adr/0004-cosmos.md: cursor and parts of a rollup are written in one transaction",
    (),
)
ACCOUNTS: Final = Container(
    "accounts",
    "/tenant",
    "docs/adr/0010-credits.md: a tenant's credit account is one document",
    (),
)
AUDIT: Final = Container(
    "audit",
    "/day",
    "docs/adr/0016-http-and-sign-in.md: a query reads one day, newest first",
    ("/id",),
)
STATEMENTS: Final = Container(
    "statements",
    "/tenant",
    "docs/adr/0018-closing.md: a tenant's statements form a sequence and are read by tenant",
    ("/start",),
)
SHARINGS: Final = Container(
    "sharings",
    "/month",
    "docs/adr/0013-sharing-out-provisioned-capacity.md: the first writer of an allocation wins",
    (),
)

CONTAINERS: Final = (
    *(LEDGERS, REGISTRY, PRICES, DEAD_LETTERS, REGISTERS, AGGREGATES, PENDING, ROLLUPS),
    *(ACCOUNTS, STATEMENTS, SHARINGS, AUDIT),
)
