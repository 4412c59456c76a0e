"""What API Management allows: policies by section, their attributes and children, .NET types.

From Microsoft's policy reference and the policy expressions reference (2024-07 to 2026-02); only
what this product uses or must not use stands here. A policy that is not in the table is refused.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.policies.policy_text import Node, all_nodes

EVERYWHERE: Final = frozenset({"inbound", "backend", "outbound", "on-error"})
_INBOUND: Final = frozenset({"inbound"})
#: A fragment is "valid XML" of at most 512 KB, without sections, `base` or other fragments in it.
MAX_FRAGMENT_BYTES: Final = 512 * 1024
MAX_DOCUMENT_BYTES: Final = 256 * 1024


@dataclass(frozen=True)
class Rule:
    """Where a policy may stand and what it may have."""

    sections: frozenset[str] = EVERYWHERE
    required: frozenset[str] = frozenset()
    literal: frozenset[str] = frozenset()
    """Attributes that take no expression."""
    optional: frozenset[str] = frozenset()
    """Attributes that may be left out, and take expressions unless they are literal too."""
    children: frozenset[str] = frozenset()
    """What may stand in it; policies, where it says so."""
    holds_policies: bool = False
    text: bool = False


def _rule(*required: str, **more: frozenset[str] | bool) -> Rule:
    return Rule(required=frozenset(required), **more)  # type: ignore[arg-type]


def _names(*names: str) -> frozenset[str]:
    return frozenset(names)


RULES: Final[Mapping[str, Rule]] = {
    "base": _rule(),
    "include-fragment": _rule("fragment-id", literal=_names("fragment-id")),
    "choose": _rule(children=_names("when", "otherwise")),
    "when": _rule("condition", holds_policies=True),
    "otherwise": _rule(holds_policies=True),
    "set-variable": _rule("name", "value", literal=_names("name")),
    "set-header": _rule("name", "exists-action", children=_names("value")),
    "value": _rule(text=True),
    "set-body": _rule(sections=_names("inbound", "backend", "outbound"), text=True),
    "set-status": _rule("code", "reason"),
    "set-url": _rule(text=True),
    "set-method": _rule(text=True),
    "rewrite-uri": _rule("template", sections=_INBOUND, optional=_names("copy-unmatched-params")),
    "cache-lookup-value": _rule(
        "key", "variable-name", literal=_names("variable-name"), optional=_names("default-value")
    ),
    "cache-store-value": _rule("key", "value", "duration"),
    "send-request": _rule(
        "mode",
        "response-variable-name",
        "timeout",
        "ignore-error",
        literal=_names("mode", "response-variable-name", "ignore-error"),
        children=_names(
            "set-url", "set-method", "set-header", "set-body", "authentication-managed-identity"
        ),
    ),
    "authentication-managed-identity": _rule(
        "resource", sections=_INBOUND, optional=_names("client-id", "ignore-error")
    ),
    "return-response": _rule(children=_names("set-status", "set-header", "set-body")),
    "log-to-eventhub": _rule(
        "logger-id", literal=_names("logger-id"), optional=_names("partition-key"), text=True
    ),
    "set-backend-service": _rule(
        sections=_names("inbound", "backend"), optional=_names("backend-id", "base-url")
    ),
    "forward-request": _rule(
        sections=_names("backend"),
        optional=_names("timeout", "buffer-response", "buffer-request-body"),
        literal=_names("buffer-response", "buffer-request-body"),
    ),
    "retry": _rule(
        "condition",
        "count",
        "interval",
        optional=_names("first-fast-retry"),
        literal=_names("count", "interval"),
        holds_policies=True,
    ),
    "rate-limit-by-key": _rule(
        "calls", "renewal-period", "counter-key", sections=_INBOUND, optional=_names()
    ),
    "set-query-parameter": _rule("name", "exists-action", children=_names("value")),
}

#: Elements that are parts of others, and no policies of their own.
PARTS: Final = frozenset({"when", "otherwise", "value", "set-url"})
#: They must stand in whole policies, once a section.
VALUE_CACHES: Final = frozenset({"cache-lookup-value", "cache-store-value"})
ONCE_A_SECTION: Final = VALUE_CACHES | {"forward-request"}


def faults_of(node: Node, section: str | None, *, inside: str = "") -> Iterator[str]:
    """Yield what the platform would not take of a policy and all in it.

    `section` is None for a fragment on its own: where it may stand depends on who includes it.
    """
    name = node["name"]
    rule = RULES.get(name)
    if rule is None:
        yield f"{name}: is no policy that is known here"
        return
    # What a response is made of may stand wherever the response may.
    if section is not None and section not in rule.sections and inside not in _MAKERS:
        yield f"{name}: is not allowed in {section}"
    yield from _faults_of_content(node, rule)
    for child in node["children"]:
        known = child["name"] in rule.children
        if not known and not (rule.holds_policies and child["name"] not in PARTS):
            yield f"{name}: has {child['name']} in it"
        yield from faults_of(child, section, inside=name)


def _faults_of_content(node: Node, rule: Rule) -> Iterator[str]:
    name, attributes = node["name"], node["attributes"]
    if missing := rule.required - attributes.keys():
        yield f"{name}: lacks {', '.join(sorted(missing))}"
    if unknown := attributes.keys() - rule.required - rule.optional:
        yield f"{name}: has no attribute {', '.join(sorted(unknown))}"
    for attribute in rule.literal & attributes.keys():
        if isinstance(attributes[attribute], dict):
            yield f"{name}: takes no expression in {attribute}"
    has_text = bool(str(node["text"]).strip())
    if has_text and not rule.text:
        yield f"{name}: takes no text"
    if rule.text and not has_text:
        yield f"{name}: is empty"


_MAKERS: Final = frozenset({"send-request", "return-response"})


def names_in(nodes: list[Node]) -> list[str]:
    """Return the names of all policies in some, in order."""
    return [each["name"] for node in nodes for each in all_nodes(node)]


# --- expressions ----------------------------------------------------------------------------------

_ALL: Final = frozenset({"*"})


def _allowed() -> dict[str, frozenset[str]]:
    text = (Path(__file__).parent / "allowed_types.txt").read_text("utf-8")
    rows = [line.partition(": ") for line in text.splitlines() if not line.startswith("#")]
    return {type_: frozenset(names.split()) or _ALL for type_, _, names in rows}


_ALLOWED: Final = _allowed()

_BRACED: Final = re.compile(r"\b(if|for|foreach|while)\s*\(|\b(else|do|try|finally)\b")


def is_allowed(member: str) -> bool:
    """Say whether an expression may use a member, given as `type member`; `type ` is the type."""
    type_, _, compiled = member.partition(" ")
    name = "(Constructor)" if compiled == ".ctor" else re.sub(r"^[gs]et_", "", compiled)
    members = _ALL if type_.startswith("Gateway.") else _ALLOWED.get(type_)
    return members is not None and (members == _ALL or name in members or not name)


def unbraced(code: str) -> Iterator[str]:
    """Yield the statements without braces after if, else and loops: the gateway refuses them."""
    plain = _without_texts(code)
    for found in _BRACED.finditer(plain):
        at = found.end()
        if found[1]:
            depth = 1
            while depth:
                depth += {"(": 1, ")": -1}.get(plain[at], 0)
                at += 1
        rest = plain[at:].lstrip()
        if not rest.startswith("{") and not (found[2] == "else" and rest.startswith("if")):
            yield plain[found.start() : at + 20]


def _without_texts(code: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"|' + r"'(?:[^'\\]|\\.)+'|//[^\n]*", '""', code)
