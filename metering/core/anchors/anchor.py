"""Anchors: documents of one digest over ledgers, statements and records, and their leaves."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, NamedTuple

from metering.core.anchors.merkle import leaf_hash, path_of, root_of
from metering.core.basics.documents import UNREADABLE_DOCUMENT, Document
from metering.core.basics.errors import InvariantBroken
from metering.core.basics.instants import Instant, format_instant, parse_instant, to_datetime

FORMAT: Final = "metering.anchor.v1"
#: Of the secret of an anchor, and of the blind of each leaf.
SECRET_BYTES: Final = 32
_BLIND_BYTES: Final = 16

type LeafKind = Literal["ledger", "statement", "document", "record"]

#: The name of every leaf of a record: there is one registry.
REGISTRY: Final = "registry"


class Leaf(NamedTuple):
    """The content of one leaf: a ledger through a page, a statement, a document, or a record."""

    kind: LeafKind
    name: str
    """The ledger, that of the statement, `name_of_document`, or REGISTRY."""
    number: int
    """Of the last page, of the statement, or of the record; the document's place of the tenant."""
    hash: str


def name_of_document(tenant: str, number: str) -> str:
    """Return the name of the leaf of an invoice or another numbered document: `acme|INV-000001`."""
    return f"{tenant}|{number}"


class Blinded(NamedTuple):
    """A leaf with the random bytes that keep its hash from being guessed."""

    leaf: Leaf
    blind: str
    """Hexadecimal."""

    @property
    def content(self) -> bytes:
        """The bytes that are hashed."""
        return canonical({**self.leaf._asdict(), "blind": self.blind})


class Anchor(NamedTuple):
    """One digest as of an instant."""

    made: Instant
    leaves: int
    root: str
    """Hexadecimal."""
    previous: str
    """The hash of the document of the anchor before; empty for the first."""

    @property
    def name(self) -> str:
        """The folder of its files: it sorts by time."""
        return to_datetime(self.made).strftime("%Y-%m-%dT%H%M%S-%fZ")


class Inclusion(NamedTuple):
    """The proof that a leaf is in an anchor."""

    blinded: Blinded
    position: int
    path: tuple[str, ...]


def canonical(document: Any) -> bytes:
    """Return JSON as it is hashed: UTF-8, sorted keys, no white space."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def blinded(leaves: Iterable[Leaf], secret: bytes) -> list[Blinded]:
    """Return leaves in their order, each blinded from a secret that no proof discloses."""
    return [
        Blinded(leaf, hmac.new(secret, str(index).encode(), "sha256").digest()[:_BLIND_BYTES].hex())
        for index, leaf in enumerate(leaves)
    ]


def anchor_of(leaves: Sequence[Blinded], made: Instant, previous: str) -> Anchor:
    """Return the anchor over leaves."""
    return Anchor(made, len(leaves), root_of(_hashes(leaves)).hex(), previous)


def inclusions(leaves: Sequence[Blinded], wanted: Iterable[int]) -> list[Inclusion]:
    """Return the proofs of the leaves at these indices."""
    hashes = _hashes(leaves)
    return [
        Inclusion(leaves[index], index, tuple(one.hex() for one in path_of(hashes, index)))
        for index in wanted
    ]


def _hashes(leaves: Iterable[Blinded]) -> list[bytes]:
    return [leaf_hash(one.content) for one in leaves]


def write_anchor(anchor: Anchor) -> bytes:
    """Return an anchor as the bytes to keep, whose hash the next one names."""
    document = {**anchor._asdict(), "made": format_instant(anchor.made), "format": FORMAT}
    return canonical(document) + b"\n"


def hash_of_anchor(content: bytes) -> str:
    """Return the hash by which the next anchor names this one."""
    return hashlib.sha256(content).hexdigest()


def read_anchor(content: bytes, name: str) -> Anchor:
    """Return the anchor that `write_anchor` wrote; InvariantBroken for anything else."""
    try:
        document = json.loads(content)
        made = parse_instant(document["made"])
        found = Anchor(made, document["leaves"], document["root"], document["previous"])
        is_same = write_anchor(found) == content
    except UNREADABLE_DOCUMENT as error:
        raise InvariantBroken(f"anchor {name}: cannot be read: {error!r}") from None
    if not is_same or found.name != name:
        raise InvariantBroken(f"anchor {name}: is not as it was written")
    return found


def write_leaf(one: Blinded) -> bytes:
    """Return a leaf as a line to keep beside its anchor."""
    return one.content + b"\n"


def read_leaves(content: bytes, anchor: Anchor) -> list[Blinded]:
    """Return the leaves of an anchor; InvariantBroken unless they give its root."""
    try:
        leaves = [_read_leaf(json.loads(line)) for line in content.splitlines()]
        is_root = anchor_of(leaves, anchor.made, anchor.previous) == anchor
    except UNREADABLE_DOCUMENT as error:
        raise InvariantBroken(f"anchor {anchor.name}: leaves: {error!r}") from None
    if not is_root:
        raise InvariantBroken(f"anchor {anchor.name}: its leaves do not give its root")
    return leaves


def _read_leaf(document: Document) -> Blinded:
    blind = document.pop("blind")
    return Blinded(Leaf(**document), blind)
