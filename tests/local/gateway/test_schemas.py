"""Values that fit their schemas, by another validator; schemas beyond all bounds are refused."""

from contextlib import suppress
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metering.local.gateway.models.draws import Draws
from metering.local.gateway.models.sampling import sample
from metering.local.gateway.models.schemas import SchemaInvalid, check

NODE = {
    "type": "object",
    "properties": {
        "value": {"type": "number", "minimum": 0.001, "maximum": 0.0012},
        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
        "kids": {"type": "array", "items": {"$ref": "#/$defs/node"}},
    },
    "required": ["value", "next", "kids"],
    "additionalProperties": False,
}
FITTING: list[Any] = [
    True,
    {},
    {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False},
    {"$ref": "#/$defs/node", "$defs": {"node": NODE}},
    {"type": "array", "items": {"enum": ["a", "b", "c"]}, "uniqueItems": True, "minItems": 2},
    {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}], "items": False},
    {"type": "array", "items": {"type": "boolean"}, "maxItems": 0},
    {"type": "string", "pattern": r"^(foo|ba+r)[^a-z]\w*\s?$", "minLength": 6},
    {"type": "string", "pattern": r"^(?<year>\d{4})-[A-Z]{2,}\D\S.$"},
    {"type": "string", "pattern": r"^[\d_]+?[^\W]\W(?:x|y)*$", "maxLength": 8},
    {"type": ["string", "null"], "minLength": 12, "maxLength": 14},
    *({"type": "string", "format": name} for name in ("date-time", "date", "time", "duration")),
    *({"type": "string", "format": name} for name in ("email", "hostname", "uri", "uuid")),
    *({"type": "string", "format": name} for name in ("ipv4", "ipv6")),
    {"type": "object", "minProperties": 3, "additionalProperties": {"type": "integer"}},
    {
        "type": "object",
        "properties": {"a": {}, "b": {}, "c": {}},
        "required": ["c"],
        "maxProperties": 2,
    },
    {"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 2},
    {"type": "integer", "multipleOf": 7, "exclusiveMinimum": -20, "maximum": -14},
    {"type": "integer", "multipleOf": 2.5, "minimum": 1, "maximum": 6},
    {"type": "number", "exclusiveMinimum": 1, "exclusiveMaximum": 1.0001},
    {"type": "number", "maximum": -5},
    {"type": "integer", "exclusiveMaximum": 3},
    {"minimum": 3, "maximum": 4},
    {"enum": [1, "a", None], "type": ["string", "null"]},
    {"const": None},
    {"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 3}]},
    {
        "allOf": [
            {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
            {"properties": {"x": {"type": "integer", "minimum": 7}}, "required": ["y"]},
            {"anyOf": [{"required": ["z"]}, {"required": ["w"]}]},
        ]
    },
    {
        "anyOf": [{"minimum": 3}, {"maximum": 1}],
        "allOf": [{"anyOf": [{"multipleOf": 2}]}, {"type": "integer", "maximum": 9}],
    },
    {"anyOf": [False, {"$ref": "#/$defs/no"}, {"const": 3}], "$defs": {"no": False}},
    {"allOf": [{"enum": [1, 2, 3]}, {"enum": [2, 3, 4]}, {"type": "array"}, True][:2]},
]


@pytest.mark.parametrize("schema", FITTING, ids=lambda schema: str(schema)[:50])
def test_what_is_drawn_fits(schema: Any) -> None:
    check(schema)
    validator = jsonschema_rs.validator_for(schema, validate_formats=True)
    drawn = [sample(schema, Draws(b"%d" % seed)) for seed in range(40)]
    assert [value for value in drawn if not validator.is_valid(value)] == []
    assert drawn == [sample(schema, Draws(b"%d" % seed)) for seed in range(40)]


def deep(levels: int) -> Any:
    schema: Any = {"type": "string"}
    for _ in range(levels):
        schema = {"type": "array", "items": schema}
    return schema


REFUSED: list[Any] = [
    7,
    {"type": "text"},
    {"type": [{}]},
    {"properties": []},
    {"anyOf": []},
    {"enum": "a"},
    {"required": [1]},
    {"items": [{"type": "string"}]},
    {"minItems": -1},
    {"minItems": 1_001},
    {"minLength": True},
    {"minimum": "1"},
    {"maximum": float("inf")},
    {"multipleOf": 0},
    {"pattern": "("},
    {"pattern": 7},
    {"pattern": "a" * 1_001},
    {"pattern": "(?=a)b"},
    {"pattern": r"(a)\1"},
    {"pattern": "((((((a{9}){9}){9}){9}){9}){9})"},
    {"pattern": r"[^\w\W]"},
    {"$ref": "#/$defs/nowhere"},
    {"$ref": "https://example.com/schema"},
    {"$ref": 3},
    {"properties": {"a": {"type": "nothing"}}},
    deep(41),
    {"enum": list(range(20_000))},
]


@pytest.mark.parametrize("schema", REFUSED, ids=lambda schema: str(schema)[:50])
def test_what_is_no_schema_or_beyond_the_bounds_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaInvalid):
        check(schema)


UNFITTING: list[Any] = [
    False,
    {"$ref": "#"},
    {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
    {"anyOf": [{"$ref": "#"}, {"allOf": [{"$ref": "#"}]}]},
    {"type": "integer", "minimum": 2, "maximum": 1},
    {"type": "integer", "enum": ["a"]},
    {"allOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "array", "minItems": 3, "maxItems": 2},
    {"type": "array", "minItems": 3, "items": {"enum": [1, 2]}, "uniqueItems": True},
    {"type": "array", "minItems": 1_000, "items": {"type": "array", "minItems": 1_000}},
    {"anyOf": [{"$ref": "#"}] * 20},
]


@pytest.mark.parametrize("schema", UNFITTING, ids=lambda schema: str(schema)[:50])
def test_where_nothing_fits_that_is_said_soon(schema: Any) -> None:
    check(schema)
    with pytest.raises(SchemaInvalid):
        sample(schema, Draws(b""))


_KEYWORDS = st.sampled_from(
    [
        *("type", "properties", "items", "enum", "const", "anyOf", "allOf", "$ref", "required"),
        *("minimum", "maxLength", "minItems", "pattern", "additionalProperties", "multipleOf"),
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYWORDS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYWORDS, _JSON, max_size=5))
def test_whatever_a_client_sends_as_a_schema_is_checked_or_drawn_from(schema: Any) -> None:
    with suppress(SchemaInvalid):
        check(schema)
        sample(schema, Draws(b""))
