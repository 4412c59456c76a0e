"""Merkle trees: one hash over many leaves, and short proofs that a leaf is among them.

As in RFC 9162 (December 2021), section 2.1: leaves and inner nodes are hashed under different
prefixes, and a tree of n leaves is split at the largest power of two below n.
"""

import hashlib
from collections.abc import Sequence

type Digest = bytes

_LEAF = b"\x00"
_NODE = b"\x01"
_EMPTY = hashlib.sha256().digest()


def leaf_hash(content: bytes) -> Digest:
    """Return the hash of a leaf."""
    return hashlib.sha256(_LEAF + content).digest()


def _node_hash(left: Digest, right: Digest) -> Digest:
    return hashlib.sha256(_NODE + left + right).digest()


def root_of(leaves: Sequence[Digest]) -> Digest:
    """Return the root over the hashes of leaves."""
    if not leaves:
        return _EMPTY
    level = list(leaves)
    # Level by level, an odd node moving up: the same tree as splitting at powers of two.
    while len(level) > 1:
        level = _level_above(level)
    return level[0]


def path_of(leaves: Sequence[Digest], index: int) -> list[Digest]:
    """Return the inclusion proof of the leaf at an index: the siblings, from the bottom up."""
    path: list[Digest] = []
    level = list(leaves)
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, index = _level_above(level), index >> 1
    return path


def root_from(leaf: Digest, index: int, size: int, path: Sequence[Digest]) -> Digest | None:
    """Return the root that a proof leads to; None for a proof of the wrong length."""
    if not 0 <= index < size:
        return None
    found, last, left = leaf, size - 1, list(path)
    while last:
        if index & 1 or index < last:
            if not left:
                return None
            sibling = left.pop(0)
            found = _node_hash(sibling, found) if index & 1 else _node_hash(found, sibling)
        index, last = index >> 1, last >> 1
    return None if left else found


def _level_above(level: Sequence[Digest]) -> list[Digest]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [_node_hash(left, right) for left, right in pairs]
    return [*above, level[-1]] if len(level) % 2 else above
