"""Reads Bicep files: their trees, and a plain form for readers of an older Bicep."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

BICEP: Final = Path(__file__).parents[1] / "bicep"

_LANGUAGE: Final = Language(tree_sitter_bicep.language())
_SIMPLE: Final = frozenset({b"string", b"int", b"bool", b"object", b"array"})
#: Functions that readers of an older Bicep take for a syntax error, and one of the same form.
_NEW_FUNCTIONS: Final = {b"cidrSubnet(": b"format("}
#: In parameter files the grammar knows no `param x = …`; a variable has the same form.
_ASSIGNED: Final = re.compile(rb"^param(?= )", re.MULTILINE)


def bicep_files(folder: Path = BICEP) -> list[Path]:
    """Return every Bicep and parameter file."""
    return sorted([*folder.rglob("*.bicep"), *folder.rglob("*.bicepparam")])


def tree_of(path: Path) -> Node:
    """Return the root of a file's tree; positions are those of the file."""
    source = path.read_bytes()
    if path.suffix == ".bicepparam":
        source = _ASSIGNED.sub(b"var  ", source)
    return Parser(_LANGUAGE).parse(source).root_node


def nodes(node: Node) -> Iterator[Node]:
    """Yield a node and all below it, in the order of the file."""
    yield node
    for child in node.children:
        yield from nodes(child)


def syntax_errors(path: Path) -> list[str]:
    """Return where a file does not follow the grammar."""
    return [
        f"{path}:{node.start_point[0] + 1}:{node.start_point[1] + 1}: not Bicep"
        for node in nodes(tree_of(path))
        if node.is_error or node.is_missing
    ]


def plain_form(path: Path) -> bytes:
    """Return a file without types of its own, which some readers do not know; lines stay."""
    source = bytearray(path.read_bytes())
    root = tree_of(path)
    for one, after in zip(root.children, [*root.children[1:], None], strict=True):
        is_types = after is not None and after.type == "type_declaration"
        if one.type in {"import_functionality", "type_declaration"} or (
            one.type == "decorators" and is_types
        ):
            _blank(source, one)
    changes = [node for node in nodes(root) if node.type == "type" and _is_declared(node)]
    for node in sorted(changes, key=lambda found: found.start_byte, reverse=True):
        source[node.start_byte : node.end_byte] = _plain_type(node)
    plain = bytes(source)
    for new, old in _NEW_FUNCTIONS.items():
        plain = plain.replace(new, old)
    return plain


def _is_declared(node: Node) -> bool:
    return node.parent is not None and node.parent.type in {
        "parameter_declaration",
        "output_declaration",
    }


def _plain_type(node: Node) -> bytes:
    text = node.text or b""
    if text in _SIMPLE:
        return text
    if text.endswith(b"[]"):
        return b"array"
    return b"string" if b"'" in text else b"object"


def _blank(source: bytearray, node: Node) -> None:
    for at in range(node.start_byte, node.end_byte):
        if source[at] != ord("\n"):
            source[at] = ord(" ")
