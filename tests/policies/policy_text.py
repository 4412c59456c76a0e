"""Reads policy files: takes the C# expressions out, and makes a tree of the XML that is left."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

POLICIES: Final = Path(__file__).parents[2] / "bicep" / "policies"

_NAMED_VALUE: Final = re.compile(r"\{\{([A-Za-z0-9._-]+)\}\}")
_PLACE: Final = re.compile(r"\s*expression-([0-9]+)\s*")
#: What has brackets and quotes in it that do not count: texts, verbatim texts, letters, comments.
_OPAQUE: Final = re.compile(
    r'@"(?:[^"]|"")*"|"(?:[^"\\\n]|\\.)*"|' r"'(?:[^'\\\n]|\\.)+'|//[^\n]*|/\*.*?\*/", re.DOTALL
)
_CLOSING: Final = {"(": ")", "{": "}"}

type Node = dict[str, Any]


class PolicyTextError(Exception):
    """The file is no policy that the gateway would take."""


@dataclass
class Expressions:
    """C# code by number; the same code has one number."""

    codes: list[str] = field(default_factory=list)

    def number(self, code: str) -> int:
        if code not in self.codes:
            self.codes.append(code)
        return self.codes.index(code)


def policy_files() -> list[Path]:
    """Return every policy and fragment of the product."""
    return sorted(POLICIES.glob("*.xml")) + sorted(POLICIES.glob("fragments/*.xml"))


def fragment_id(path: Path) -> str:
    """Return the id under which a fragment is deployed."""
    return f"metering-{path.stem}"


def with_named_values(text: str, values: dict[str, str]) -> str:
    """Put named values into a text, as the gateway does before it reads anything else."""
    return _NAMED_VALUE.sub(lambda found: values[found[1]], text)


def named_values_in(text: str) -> set[str]:
    return set(_NAMED_VALUE.findall(text))


def expressions_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield where each `@(…)` and `@{…}` begins, and its text; comments of the XML have none."""
    at = 0
    while (found := re.compile(r"<!--.*?-->|@[({]", re.DOTALL).search(text, at)) is not None:
        at = found.end()
        if found[0].startswith("@"):
            at = _end_of(text, found.start() + 1)
            yield found.start(), text[found.start() : at]


def _end_of(text: str, at: int) -> int:
    """Return where the bracket that opens at `at` has been closed."""
    waiting = [_CLOSING[text[at]]]
    at += 1
    while waiting:
        if at >= len(text):
            raise PolicyTextError("an expression is not closed")
        opaque = _OPAQUE.match(text, at)
        if opaque is not None:
            at = opaque.end()
            continue
        letter = text[at]
        if letter in _CLOSING:
            waiting.append(_CLOSING[letter])
        elif letter in ")}" and letter != waiting.pop():
            raise PolicyTextError(f"brackets do not match at {text[at - 30 : at + 1]!r}")
        at += 1
    return at


def read_policy(text: str, expressions: Expressions) -> Node:
    """Return the tree of a policy document or fragment, its expressions by number."""
    parts: list[str] = []
    at = 0
    for start, code in expressions_of(text):
        # XML makes spaces of the line breaks in an attribute: a `//` then hides all that follows.
        parts += [text[at:start], f"expression-{expressions.number(code.replace('\n', ' '))}"]
        at = start + len(code)
    return _node(ET.fromstring("".join([*parts, text[at:]])))  # noqa: S314 - our own files


def _node(element: ET.Element) -> Node:
    return {
        "name": element.tag,
        "attributes": {name: _value(text) for name, text in element.attrib.items()},
        "text": _value(element.text or ""),
        "children": [_node(child) for child in element],
    }


def _value(text: str) -> str | dict[str, int]:
    found = _PLACE.fullmatch(text)
    if found is not None:
        return {"expression": int(found[1])}
    if "expression-" in text:
        raise PolicyTextError(f"an expression must be the whole value: {text!r}")
    return text


def sections_of(document: Node) -> dict[str, list[Node]]:
    """Return the policies of a document by section."""
    return {section["name"]: section["children"] for section in document["children"]}


def all_nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node["children"]:
        yield from all_nodes(child)
