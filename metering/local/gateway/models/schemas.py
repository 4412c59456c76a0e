"""JSON Schemas of tools and answers: what is accepted, and the bounds of it."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

from metering.core.basics.errors import MeteringError
from metering.local.gateway.models.patterns import PatternInvalid, parsed

#: Twice what OpenAI takes in strict mode: 10 levels of objects, each with its `properties`.
MAX_DEPTH: Final = 40
#: OpenAI takes 5,000 properties; a property is a schema with a keyword or two.
MAX_VALUES: Final = 20_000
#: Lower bounds of lengths beyond this would make an answer of any size.
MAX_LEAST: Final = 1_000

TYPES: Final = ("object", "array", "string", "integer", "number", "boolean", "null")
_MAPS: Final = ("properties", "$defs", "definitions")
_LISTS: Final = ("anyOf", "oneOf", "allOf", "prefixItems")
_LEAST: Final = ("minLength", "minItems", "minProperties")
_COUNTS: Final = (*_LEAST, "maxLength", "maxItems", "maxProperties")
_NUMBERS: Final = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


class SchemaInvalid(MeteringError):
    """A schema is no schema, is beyond the bounds, or nothing fits it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def check(schema: Any, *, strict: bool = False) -> None:
    """Check a schema. Raises SchemaInvalid. `strict`: by OpenAI's rules of strict mode, too."""
    values = 0
    waiting: list[tuple[Any, int]] = [(schema, 0)]
    while waiting:
        value, depth = waiting.pop()
        values += 1
        if depth > MAX_DEPTH or values > MAX_VALUES:
            raise SchemaInvalid(f"It is deeper than {MAX_DEPTH} or larger than {MAX_VALUES}.")
        inner = value.values() if isinstance(value, dict) else value
        if isinstance(value, dict | list):
            waiting += [(one, depth + 1) for one in inner]
    _check(schema, schema, "()", strict=strict)


def _check(schema: Any, root: Any, place: str, *, strict: bool) -> None:
    if isinstance(schema, bool):
        return
    if not isinstance(schema, dict):
        raise SchemaInvalid(f"In context={place}, {schema!r:.40} is no schema.")
    for fault in _faults(schema, root):
        raise SchemaInvalid(f"In context={place}, {fault}.")
    if strict:
        for fault in _strict_faults(schema):
            raise SchemaInvalid(f"In context={place}, {fault}.")
    for name, inner in _inner(schema):
        _check(inner, root, f"{place[:-1]}{name!r}, )", strict=strict)


def _inner(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name in _MAPS:
        yield from schema.get(name, {}).items()
    for name in _LISTS:
        for number, inner in enumerate(schema.get(name, ())):
            yield f"{name}[{number}]", inner
    for name in ("items", "additionalProperties"):
        if name in schema:
            yield name, schema[name]


def _faults(schema: dict[str, Any], root: Any) -> Iterator[str]:
    """Yield what is wrong with the keywords of one schema."""
    if any(kind not in TYPES for kind in types_of(schema)):
        yield f"{schema['type']!r:.40} is not a type; types are {', '.join(TYPES)}"
    yield from _faulty_parts(schema)
    yield from _faulty_numbers(schema)
    yield from _faulty_pattern(schema.get("pattern", ""))
    if "$ref" in schema and target(schema["$ref"], root) is None:
        yield f"the reference {schema['$ref']!r:.60} leads nowhere"


def _faulty_parts(schema: dict[str, Any]) -> Iterator[str]:
    for name in _MAPS:
        if not isinstance(schema.get(name, {}), dict):
            yield f"{name!r} must be an object"
    for name in (*_LISTS, "enum"):
        given = schema.get(name, [None])
        if not isinstance(given, list) or not given:
            yield f"{name!r} must be a list of at least one"
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(name, str) for name in required):
        yield "'required' must be a list of names"


def _faulty_numbers(schema: dict[str, Any]) -> Iterator[str]:
    for name in _COUNTS:
        count = schema.get(name, 0)
        if isinstance(count, bool) or not isinstance(count, int) or count < 0:
            yield f"{name!r} must be a whole number of at least 0"
        elif name in _LEAST and count > MAX_LEAST:
            yield f"{name!r} is more than {MAX_LEAST}"
    for name in _NUMBERS:
        number = schema.get(name, 1)
        if isinstance(number, bool) or not isinstance(number, int | float) or not isfinite(number):
            yield f"{name!r} must be a number"
        elif name == "multipleOf" and number <= 0:
            yield "'multipleOf' must be more than 0"


def _faulty_pattern(pattern: Any) -> Iterator[str]:
    try:
        parsed(pattern)
    except PatternInvalid as fault:
        yield f"'pattern' cannot be used: {fault.message}"


def _strict_faults(schema: dict[str, Any]) -> Iterator[str]:
    """Yield what OpenAI's strict mode does not take (structured outputs guide, 2026-11)."""
    if "object" not in types_of(schema) and "properties" not in schema:
        return
    if schema.get("additionalProperties") is not False:
        yield "'additionalProperties' is required to be supplied and to be false"
    missing = [one for one in schema.get("properties", {}) if one not in schema.get("required", ())]
    if missing:
        yield (
            "'required' is required to be supplied and to be an array including every key in"
            f" properties. Missing {missing[0]!r}"
        )


def types_of(schema: dict[str, Any]) -> list[Any]:
    """Return the types that a schema names."""
    kind = schema.get("type", [])
    return kind if isinstance(kind, list) else [kind]


def target(reference: Any, root: Any) -> Any:
    """Return the schema that a `$ref` within the document leads to, or None."""
    if not isinstance(reference, str) or not re.match(r"#(/|$)", reference):
        return None
    found = root
    for part in reference.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdecimal() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            return None
    return found if isinstance(found, dict | bool) else None
