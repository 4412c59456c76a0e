"""What Bicep files say: tables and objects in them as Python values, other expressions as text."""

import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from tree_sitter import Node

from tools.bicep_syntax import BICEP, nodes, tree_of

MODULES: Final = BICEP / "modules"


class Expression(str):
    """The text of what is no literal."""

    __slots__ = ()


@cache
def variables(path: Path) -> dict[str, Any]:
    """Return the variables of a file by name."""
    return dict(_named(path, "variable_declaration"))


@cache
def parameters(path: Path) -> dict[str, Node]:
    """Return the parameters of a file: their declarations by name."""
    return {
        _text(node.named_children[0]): node
        for node in tree_of(path).children
        if node.type == "parameter_declaration"
    }


@cache
def modules(path: Path) -> dict[str, tuple[str, Any]]:
    """Return the modules of a file: what each deploys, and its parameters."""
    found = {}
    for node in tree_of(path).children:
        if node.type == "module_declaration":
            name, source = node.named_children[0], node.named_children[1]
            given = next(one for one in nodes(node) if one.type == "object")
            found[_text(name)] = (value_of(source), value_of(given).get("params", {}))
    return found


@cache
def resources(path: Path) -> dict[str, tuple[str, Any]]:
    """Return the resources of a file that are deployed: their types, and what they are."""
    found = {}
    for node in tree_of(path).children:
        if node.type == "resource_declaration" and " existing " not in _text(node).split("\n")[0]:
            name, kind = node.named_children[0], node.named_children[1]
            given = next(one for one in nodes(node) if one.type == "object")
            found[_text(name)] = (value_of(kind), value_of(given))
    return found


def value_of(node: Node) -> Any:
    """Return a literal as Python has it, anything else as Expression."""
    match node.type:
        case "array":
            return [value_of(child) for child in node.named_children if child.type != "comment"]
        case "object":
            pairs = [child for child in node.named_children if child.type == "object_property"]
            return {
                _key(pair.named_children[0]): value_of(pair.named_children[-1]) for pair in pairs
            }
        case "string" if all(child.type != "interpolation" for child in node.named_children):
            return "".join(_text(child) for child in node.named_children)
        case "number" | "boolean" | "unary_expression" if _is_plain(_text(node)):
            return json.loads(_text(node))
        case "parenthesized_expression":
            return value_of(node.named_children[0])
        case _:
            return Expression(_text(node))


def _is_plain(text: str) -> bool:
    return text in {"true", "false"} or text.lstrip("-").isdigit()


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _named(path: Path, kind: str) -> list[tuple[str, Any]]:
    return [
        (_text(node.named_children[0]), value_of(node.named_children[-1]))
        for node in tree_of(path).children
        if node.type == kind
    ]


def _key(node: Node) -> str:
    return value_of(node) if node.type == "string" else _text(node)


def _text(node: Node) -> str:
    return (node.text or b"").decode()
