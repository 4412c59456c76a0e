"""The policies that stand at the APIs, above those of their operations: their C# compiles too."""

from pathlib import Path

import pytest

from tests.policies.gateway import PLAIN, compile_program, source
from tests.policies.platform_rules import unbraced
from tests.policies.policy_text import (
    POLICIES,
    Expressions,
    expressions_of,
    named_values_in,
    with_named_values,
)

FILES = sorted((POLICIES / "apis").glob("*.xml"))
VALUES = PLAIN | {
    "metering-openai-audience": "https://cognitiveservices.azure.com",
    "metering-anthropic-audience": "https://ai.azure.com",
}


def _codes() -> list[str]:
    texts = [with_named_values(path.read_text("utf-8"), VALUES) for path in FILES]
    return [code for text in texts for _, code in expressions_of(text)]


@pytest.mark.usefixtures("gateway")
def test_their_expressions_compile_as_the_gateway_would_compile_them(tmp_path: Path) -> None:
    assert _codes()
    compile_program(tmp_path, source(Expressions(_codes())))


def test_every_statement_in_them_has_braces() -> None:
    assert [fault for code in _codes() for fault in unbraced(code)] == []


def test_two_braces_in_them_are_always_a_named_value() -> None:
    for path in FILES:
        text = path.read_text("utf-8")
        assert named_values_in(text) <= VALUES.keys()
        assert "{{" not in with_named_values(text, VALUES), path
