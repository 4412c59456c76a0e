"""Anchors: a Merkle tree over leaves, and proofs that a leaf is among them."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.core.anchors.anchor import (
    Anchor,
    Inclusion,
    Leaf,
    anchor_of,
    blinded,
    hash_of_anchor,
    inclusions,
    read_anchor,
    read_leaves,
    write_anchor,
    write_leaf,
)
from metering.core.anchors.merkle import leaf_hash, path_of, root_from, root_of
from metering.core.basics.errors import InvariantBroken
from tests.builders import NOW

LEAVES = [Leaf("record", "registry", number, f"hash-{number}") for number in range(1, 6)]


def naive_root(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 9162, section 2.1.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    left, right = naive_root(leaves[:half]), naive_root(leaves[half:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@given(st.lists(st.binary(max_size=3), max_size=40))
def test_a_root_is_that_of_the_rfc_and_every_leaf_leads_to_it(contents: list[bytes]) -> None:
    hashes = [leaf_hash(one) for one in contents]
    root = root_of(hashes)
    assert root == naive_root(contents)
    for index, one in enumerate(hashes):
        path = path_of(hashes, index)
        assert root_from(one, index, len(hashes), path) == root
        assert root_from(leaf_hash(b"else"), index, len(hashes), path) != root
        assert root_from(one, index, len(hashes), [*path, one]) is None
        if path:
            assert root_from(one, index, len(hashes), path[:-1]) is None


def test_a_position_outside_the_tree_leads_nowhere() -> None:
    assert root_from(leaf_hash(b"a"), 1, 1, []) is None
    assert root_from(leaf_hash(b"a"), -1, 1, []) is None


def test_an_anchor_is_read_back_with_its_leaves_and_names_the_one_before() -> None:
    leaves = blinded(LEAVES, b"secret")
    first = anchor_of(leaves, NOW, "")
    second = anchor_of(leaves, NOW + 1, hash_of_anchor(write_anchor(first)))
    assert read_anchor(write_anchor(second), second.name) == second
    assert read_leaves(b"".join(map(write_leaf, leaves)), second) == leaves
    assert (first.name, second.name) == ("2026-11-20T120000-000000Z", "2026-11-20T120000-000001Z")


def test_blinds_differ_so_that_equal_leaves_do_not_show_it() -> None:
    one, other = blinded([LEAVES[0], LEAVES[0]], b"secret")
    assert one.leaf == other.leaf
    assert one.content != other.content


def test_a_proof_names_its_leaf_and_its_siblings_only() -> None:
    leaves = blinded(LEAVES, b"secret")
    anchor = anchor_of(leaves, NOW, "")
    (proof,) = inclusions(leaves, [2])
    assert isinstance(proof, Inclusion)
    path = [bytes.fromhex(one) for one in proof.path]
    found = root_from(leaf_hash(proof.blinded.content), 2, anchor.leaves, path)
    assert found == bytes.fromhex(anchor.root)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"not JSON", write_anchor(Anchor(NOW, 1, "a", "")) + b" "]
)
def test_what_is_no_anchor_is_refused_by_name(content: bytes) -> None:
    with pytest.raises(InvariantBroken, match="anchor 2026-11-20T120000-000000Z"):
        read_anchor(content, "2026-11-20T120000-000000Z")


def test_an_anchor_under_another_name_is_refused() -> None:
    with pytest.raises(InvariantBroken, match="is not as it was written"):
        read_anchor(write_anchor(Anchor(NOW, 1, "a", "")), "2026-11-21T120000-000000Z")


def test_leaves_that_do_not_give_the_root_are_refused() -> None:
    leaves = blinded(LEAVES, b"secret")
    anchor = anchor_of(leaves, NOW, "")
    with pytest.raises(InvariantBroken, match="do not give its root"):
        read_leaves(b"".join(map(write_leaf, leaves[:-1])), anchor)
    with pytest.raises(InvariantBroken, match="leaves: KeyError"):
        read_leaves(b"{}", anchor)
