"""Requests, their description for faults and tests, and answers."""

from dataclasses import dataclass, field
from typing import Any, Literal

type Kind = Literal[
    "create", "read", "replace", "upsert", "delete", "patch", "batch", "query", "plan", "metadata"
]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request with a decoded path and header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def is_set(self, name: str) -> bool:
        """Return whether a header is `true`."""
        return self.headers.get(name, "").lower() == "true"


@dataclass(slots=True)
class RequestInfo:
    """A request as faults and tests see it; `status`, `charge` and `fault` follow its answer.

    `partition_key` is the JSON list of the header. `operations` names those of a batch, in order.
    `unindexed` are the paths by which a query filters without an index.
    """

    number: int
    kind: Kind
    database: str = ""
    container: str = ""
    item: str = ""
    partition_key: str = ""
    operations: tuple[str, ...] = ()
    query: str = ""
    body: Any = None
    unindexed: tuple[str, ...] = ()
    status: int = 0
    charge: float = 0.0
    fault: str = ""


@dataclass(slots=True)
class Answer:
    """An answer; `charge` is in hundredths of an RU, and None sends no body."""

    status: int
    body: Any = None
    charge: int = 0
    headers: dict[str, str] = field(default_factory=dict)
