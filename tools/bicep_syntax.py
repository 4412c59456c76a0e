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
_NEW_FUNCTIONS: Final = {b"cidrSubnet(": b"format(", b" fail(": b" trim("}
#: In parameter files the grammar knows no `param x = …`; a variable has the same form.
_ASSIGNED: Final = re.compile(rb"^param(?= )", re.MULTILINE)
#: Nor does it know the type of a variable.
_TYPED: Final = re.compile(rb"^(var \w+)( [^=\n]+)(?= = )", re.MULTILINE)


_CONDITION: Final = re.compile(
    rb"^((?:resource|module) \w+ '[^']*'(?: existing)? = )if \(.*\) \{$", re.MULTILINE
)
#: Nor extensions, whose resources have no name.
_EXTENSION: Final = re.compile(rb"^extension [^\n]*", re.MULTILINE)


def bicep_files(folder: Path = BICEP) -> list[Path]:
    """Return every Bicep and parameter file."""
    return sorted([*folder.rglob("*.bicep"), *folder.rglob("*.bicepparam")])


def tree_of(path: Path) -> Node:
    """Return the root of a file's tree; positions are those of the file."""
    return Parser(_LANGUAGE).parse(_source(path)).root_node


def _source(path: Path) -> bytes:
    """Return a file as the grammar knows it, every position where it was."""
    source = _TYPED.sub(lambda found: found[1] + b" " * len(found[2]), path.read_bytes())
    source = _EXTENSION.sub(lambda found: b" " * len(found[0]), source)
    return _ASSIGNED.sub(b"var  ", source) if path.suffix == ".bicepparam" else source


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
    source = bytearray(_source(path))
    root = tree_of(path)
    for one, after in zip(root.children, [*root.children[1:], None], strict=True):
        is_types = after is not None and after.type == "type_declaration"
        if one.type in {"import_functionality", "type_declaration"} or (
            one.type == "decorators" and is_types
        ):
            _blank(source, one)
    changes = [(node, _plain_type(node)) for node in nodes(root) if _is_declared(node)]
    calls = [node for node in nodes(root) if _has_function(node)]
    # Of calls within calls the outermost stands for all.
    changes += [(node, _empty_list(node)) for node in calls if not _is_within(node, calls)]
    for node, text in sorted(changes, key=lambda change: change[0].start_byte, reverse=True):
        source[node.start_byte : node.end_byte] = text
    plain = bytes(source)
    # Under a condition checkov finds no property of a resource, and fails or passes it unseen.
    plain = _CONDITION.sub(rb"\1{", plain)
    for new, old in _NEW_FUNCTIONS.items():
        plain = plain.replace(new, old)
    return plain


def _is_declared(node: Node) -> bool:
    declarations = {"parameter_declaration", "output_declaration"}
    return node.type == "type" and node.parent is not None and node.parent.type in declarations


def _has_function(node: Node) -> bool:
    """Say whether a call is given a function, such as `map(rows, row => row.name)`."""
    return node.type == "call_expression" and any("lambda" in one.type for one in nodes(node))


def _is_within(node: Node, others: list[Node]) -> bool:
    return any(
        one != node and one.start_byte <= node.start_byte and node.end_byte <= one.end_byte
        for one in others
    )


def _empty_list(node: Node) -> bytes:
    return b"[]" + b"\n" * (node.text or b"").count(b"\n")


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
