"""The policy files, held against what API Management allows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policies.gateway import PLAIN, VALUES
from tests.policies.platform_rules import (
    MAX_DOCUMENT_BYTES,
    MAX_FRAGMENT_BYTES,
    ONCE_A_SECTION,
    VALUE_CACHES,
    faults_of,
    names_in,
)
from tests.policies.policy_text import (
    POLICIES,
    Expressions,
    Node,
    PolicyTextError,
    expressions_of,
    fragment_id,
    named_values_in,
    policy_files,
    read_policy,
    sections_of,
    with_named_values,
)

DOCUMENTS = sorted(POLICIES.glob("*.xml"))
FRAGMENTS = sorted(POLICIES.glob("fragments/*.xml"))


def tree(path: Path) -> Node:
    return read_policy(with_named_values(path.read_text("utf-8"), PLAIN), Expressions())


def expanded(nodes: list[Node]) -> Iterator[Node]:
    """Yield policies with the fragments that they include in their place, as the gateway does."""
    known = {fragment_id(path): path for path in FRAGMENTS}
    for node in nodes:
        if node["name"] == "include-fragment":
            yield from tree(known[node["attributes"]["fragment-id"]])["children"]
        else:
            yield node | {"children": list(expanded(node["children"]))}


def test_there_is_a_policy_for_every_shape_of_api() -> None:
    assert [path.stem for path in DOCUMENTS] == [
        "anthropic-messages",
        "bedrock",
        "chat-completions",
        "cohere",
        "embeddings",
        "gemini",
        "mistral",
        "openai-v1",
        "responses",
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_a_document_has_all_sections_each_with_the_policies_around_it(path: Path) -> None:
    document = tree(path)
    assert document["name"] == "policies"
    assert [each["name"] for each in document["children"]] == [
        "inbound",
        "backend",
        "outbound",
        "on-error",
    ]
    for name, nodes in sections_of(document).items():
        assert ("base" in names_in(nodes)) == (name != "backend")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_every_policy_stands_where_it_may_with_what_it_may_have(path: Path) -> None:
    for section, nodes in sections_of(tree(path)).items():
        found = list(expanded(nodes))
        assert [fault for node in found for fault in faults_of(node, section)] == []
        names = names_in(found)
        for once in ONCE_A_SECTION:
            assert names.count(once) <= 1, f"{once} twice in {section}"
        if section == "backend":
            assert len(nodes) == 1, "a backend section holds one policy"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_the_event_is_made_before_anything_else_of_outbound_can_fail(path: Path) -> None:
    for section in ("outbound", "on-error"):
        first = sections_of(tree(path))[section][0]
        assert first["attributes"] == {"fragment-id": "metering-emit-usage"}


@pytest.mark.parametrize("path", FRAGMENTS, ids=lambda path: path.stem)
def test_a_fragment_has_no_sections_no_other_fragment_and_no_value_cache(path: Path) -> None:
    fragment = tree(path)
    assert fragment["name"] == "fragment"
    names = set(names_in(fragment["children"]))
    assert not names & (VALUE_CACHES | {"base", "include-fragment"})
    assert [fault for node in fragment["children"] for fault in faults_of(node, None)] == []
    assert len(path.read_bytes()) < MAX_FRAGMENT_BYTES


def test_every_fragment_is_included_somewhere() -> None:
    texts = "".join(path.read_text("utf-8") for path in DOCUMENTS)
    assert set(re.findall(r'fragment-id="([^"]+)"', texts)) == {
        fragment_id(path) for path in FRAGMENTS
    }


def test_documents_are_small() -> None:
    for path in DOCUMENTS:
        assert len(path.read_bytes()) < MAX_DOCUMENT_BYTES


def test_the_named_values_are_those_that_the_readme_lists() -> None:
    used = {name for path in policy_files() for name in named_values_in(path.read_text("utf-8"))}
    readme = (POLICIES / "README.md").read_text("utf-8")
    listed = readme[readme.index("## Named values") : readme.index("## What to set above")]
    assert used == set(re.findall(r"^\| `(metering-[a-z-]+)` \|", listed, re.MULTILINE))
    assert used == set(PLAIN)
    assert all(values.keys() == PLAIN.keys() for values in VALUES.values())


def test_two_braces_are_always_a_named_value() -> None:
    for path in policy_files():
        text = path.read_text("utf-8")
        assert "{{" not in with_named_values(text, PLAIN), path


def test_no_message_is_made_empty() -> None:
    # The body of log-to-eventhub is the event and nothing else, which is made before it.
    texts = [path.read_text("utf-8") for path in policy_files()]
    logged = [text for text in texts if "<log-to-eventhub" in text]
    assert len(logged) == 1
    assert '>@((string)context.Variables["metering-event"])</log-to-eventhub>' in logged[0]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("<set-bodi>x</set-bodi>", "set-bodi: is no policy that is known here"),
        ("<set-body>x</set-body>", "set-body: is not allowed in on-error"),
        ('<set-variable name="@(1)" value="x" />', "set-variable: takes no expression in name"),
        ('<set-variable name="x" />', "set-variable: lacks value"),
        ('<forward-request retries="3" />', "forward-request: is not allowed in on-error"),
        ("<choose><base /></choose>", "choose: has base in it"),
        ("<choose>x</choose>", "choose: takes no text"),
        ('<log-to-eventhub logger-id="x"></log-to-eventhub>', "log-to-eventhub: is empty"),
    ],
)
def test_what_is_not_allowed_is_found(text: str, fault: str) -> None:
    assert fault in list(faults_of(read_policy(text, Expressions()), "on-error"))


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ('<a b="@("x)" + \')\' + @"""" )" />', ['@("x)" + \')\' + @"""" )']),
        ("<a>@{ /* } */ return 1; // }\n }</a>", ["@{ /* } */ return 1; // }\n }"]),
        ('<!-- @(not this) --><a b="@(x[")"])" c="@(y)"/>', ['@(x[")"])', "@(y)"]),
    ],
)
def test_an_expression_ends_where_its_brackets_do(text: str, codes: list[str]) -> None:
    assert [code for _, code in expressions_of(text)] == codes


@pytest.mark.parametrize("text", ["<a>@(x</a>", "<a>@(x}</a>", '<a b="x @(y)" />'])
def test_an_expression_that_the_gateway_could_not_read_is_found(text: str) -> None:
    with pytest.raises(PolicyTextError):
        read_policy(text, Expressions())
