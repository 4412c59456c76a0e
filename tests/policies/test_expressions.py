"""The C# of the policies, held against what the gateway's compiler and its list of types allow."""

import re
from pathlib import Path

import pytest

from tests.policies.gateway import PLAIN, Gateway, compile_program, source
from tests.policies.platform_rules import is_allowed, unbraced
from tests.policies.policy_text import (
    Expressions,
    expressions_of,
    policy_files,
    with_named_values,
)

CODES = [
    code
    for path in policy_files()
    for _, code in expressions_of(with_named_values(path.read_text("utf-8"), PLAIN))
]


def test_only_types_and_members_that_the_gateway_allows_are_used(gateway: Gateway) -> None:
    used = gateway.members()
    assert "System.Text.StringBuilder Append" in used
    assert [member for member in used if not is_allowed(member)] == []


@pytest.mark.parametrize(
    "member",
    [
        "System.Environment GetEnvironmentVariable",
        "System.Net.Http.HttpClient .ctor",
        "System.Threading.Thread Sleep",
        "System.DateTime ToUniversalTime",
        "System.Text.RegularExpressions.MatchCollection get_Count",
        "Newtonsoft.Json.Linq.JEnumerable`1 GetEnumerator",
    ],
)
def test_what_is_not_on_the_list_is_found(member: str) -> None:
    assert not is_allowed(member)


def test_every_statement_after_if_else_and_loops_has_braces() -> None:
    assert [fault for code in CODES for fault in unbraced(code)] == []


@pytest.mark.parametrize(
    "code",
    [
        "@{ if (a(b)) return 1; return 2; }",
        "@{ if (a) { b(); } else c(); return 1; }",
        '@{ foreach (var x in "){") y(); return 1; }',
    ],
)
def test_a_statement_without_braces_is_found(code: str) -> None:
    assert len(list(unbraced(code))) == 1


def test_no_expression_uses_what_the_compiler_or_the_reader_cannot_take() -> None:
    for code in CODES:
        interpolated = re.search(r'[\s(+,]\$@?"', code)
        assert interpolated is None, "texts with expressions in them hide quotes from the reader"
        local = re.search(r"\b(?:void|string|int|long|bool|JObject) \w+\([^;]*\)\s*\{", code)
        assert local is None, "local functions cannot be declared"


@pytest.mark.usefixtures("gateway")
def test_every_expression_returns_on_every_path_and_compiles_alone(tmp_path: Path) -> None:
    broken = Expressions(["@{ if (context != null) { return 1; } }"])
    with pytest.raises(AssertionError, match="CS0161"):
        compile_program(tmp_path, source(broken))


@pytest.mark.usefixtures("gateway")
def test_an_expression_that_names_an_unknown_type_does_not_compile(tmp_path: Path) -> None:
    unknown = Expressions(['@(System.Text.Json.JsonDocument.Parse("{}"))'])
    with pytest.raises(AssertionError, match="error CS"):
        compile_program(tmp_path, source(unknown))
