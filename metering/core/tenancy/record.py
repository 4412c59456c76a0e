"""Registry records: dated, append-only decisions, and the form that every decision takes."""

import hashlib
import json
from typing import Final, Literal, NamedTuple

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import Instant
from metering.core.basics.patterns import IDENTIFIER
from metering.core.plans.plan import Plan

#: Bytes of a record's key and value at most: half of what a document of Cosmos DB may have.
MAX_RECORD_BYTES: Final = 1_000_000

type RecordKind = Literal[
    "subject",
    "tenant_plan",
    "calendar",
    "plan",
    "prices",
    "deployment",
    "grant",
    "revocation",
    "adjustment",
    "member",
    "increase",
    "stop",
    "producer",
    "exporter",
    "customer",
    "discount",
]

#: Kinds that no price depends on.
PRICELESS: Final = frozenset(
    {
        *("subject", "calendar", "grant", "revocation", "adjustment"),
        *("member", "increase", "stop", "producer", "exporter", "customer", "discount"),
    }
)


class Record(NamedTuple):
    """One decision: from `effective` on, `key` means `value`. Never edited, never removed."""

    kind: RecordKind
    key: str
    value: str
    """A tenant id (subject, member), a plan id (tenant_plan), the SHA-256 of a price version's file
    (prices). For every other kind, the JSON of the thing that the kind names."""
    effective: Instant
    recorded: Instant
    hash: str = ""
    """The hash of the record and of all before it. Records from before 2026-11-30 have none."""


#: The hash before the first record.
GENESIS: Final = "0" * 64


def content_of(record: Record, number: int) -> dict[str, object]:
    """Return what a record says, as a document to hash or to hand out."""
    kept = record._asdict()
    del kept["hash"]
    return {**kept, "number": number}


def hash_of(record: Record, number: int) -> str:
    """Return the hash of a record alone: SHA-256 over its content as sorted compact JSON."""
    return _digest(content_of(record, number))


def chained(record: Record, number: int, previous: str) -> Record:
    """Return a record with its hash, given that of the record before."""
    return record._replace(hash=_digest({**content_of(record, number), "previous": previous}))


def _digest(content: dict[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


class Decision[T](NamedTuple):
    """The result of a decision function: the outcome, and the record to append for it."""

    outcome: T
    """The thing decided on; for dated values, the instant from which the value holds."""
    record: Record | None
    """None if the registry already says so: deciding again is safe and records nothing."""


class Assignment(NamedTuple):
    """The tenant that pays for a subject, its plan, and the span in which both hold."""

    tenant: str
    plan: Plan
    start: Instant
    end: Instant


def check_size(record: Record) -> None:
    """Raise ConfigurationError for a decision that no document has room for."""
    size = len(record.key.encode()) + len(record.value.encode())
    if size > MAX_RECORD_BYTES:
        raise ConfigurationError(
            f"{record.kind.replace('_', ' ')} {record.key[:64]}: takes {size:,} bytes, at most"
            f" {MAX_RECORD_BYTES:,}: shorten its lists or names"
        )


def check_tenant_id(tenant: str) -> None:
    """Raise ConfigurationError unless the text is a valid tenant id."""
    if not IDENTIFIER.fullmatch(tenant):
        raise ConfigurationError(f"tenant {tenant!r}: use 1 to 64 of A-Z a-z 0-9 . _ -")
