"""Values that fit a JSON Schema, drawn by a seed.

A property that is not required is there in half of the draws, a list has up to three items more
than it must. Where a schema leads back into itself, what need not be is left out beyond a depth.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from metering.local.gateway.models.draws import Draws
from metering.local.gateway.models.merging import merged
from metering.local.gateway.models.scalars import number, text
from metering.local.gateway.models.schemas import SchemaInvalid, target, types_of

#: Beyond this depth nothing is made that need not be.
_SPARING_DEPTH: Final = 6
_MAX_DEPTH: Final = 60
#: Values that one draw may make and discard; alternatives of alternatives multiply.
_MAX_STEPS: Final = 10_000
#: The same for all choices of an answer together, and what each may make all the same.
_MAX_OF_ANSWER: Final = 100_000
_MIN_STEPS: Final = 500
_MORE_ITEMS: Final = 3
#: Tries for a further item that differs from all others.
_TRIES: Final = 8
_NOTHING: Final = object()


class _DeadEnd(Exception):
    """Nothing fits here: another alternative may."""


def sample(schema: Any, draws: Draws, choices: int = 1) -> Any:
    """Return a value that fits a checked schema. Raises SchemaInvalid where none is found.

    The more choices an answer has, the smaller each must be.
    """
    most = max(min(_MAX_STEPS, _MAX_OF_ANSWER // choices), _MIN_STEPS)
    try:
        return _Sampler(schema, draws, most).value(schema, 0)
    except _DeadEnd:
        raise SchemaInvalid("No value was found that fits the schema.") from None


class _Sampler:
    def __init__(self, root: Any, draws: Draws, most: int) -> None:
        self._most = most
        self._root = root
        self._draws = draws
        self._steps = 0

    def value(self, schema: Any, depth: int) -> Any:
        """Return a value that fits."""
        self._steps += 1
        if self._steps > self._most:
            message = "Values of the schema are too large, or it has too many alternatives: more"
            raise SchemaInvalid(f"{message} than {self._most} values were tried.")
        if schema is False or depth > _MAX_DEPTH:
            raise _DeadEnd
        if schema is True:
            return self._draws.randint(0, 9)
        schema = self._resolved(schema)
        if isinstance(schema, bool):
            return self.value(schema, depth)
        for name in ("anyOf", "oneOf"):
            if name in schema:
                return self._one_of(schema, name, depth)
        return self._plain(schema, depth)

    def _resolved(self, schema: Any) -> Any:
        """Return a schema without a reference at its top, and as one where it is of several."""
        for _ in range(_MAX_DEPTH):
            if not isinstance(schema, dict) or not schema.keys() & {"$ref", "allOf"}:
                return schema
            rest = {name: schema[name] for name in schema if name not in {"$ref", "allOf"}}
            parts = list(schema.get("allOf", []))
            if "$ref" in schema:
                parts.append(target(schema["$ref"], self._root))
            schema = rest
            for part in parts:
                schema = self._both(schema, part)
        raise _DeadEnd

    def _both(self, one: Any, other: Any) -> Any:
        if one is False or other is False:
            raise _DeadEnd
        if one is True:
            return other
        return one if other is True or not other else merged(one, other)

    def _one_of(self, schema: dict[str, Any], name: str, depth: int) -> Any:
        """Return a value of one alternative: a drawn one first, then the others in their order."""
        rest = {key: value for key, value in schema.items() if key != name}
        alternatives = list(schema[name])
        if depth <= _SPARING_DEPTH:
            alternatives.insert(0, alternatives.pop(self._draws.randrange(len(alternatives))))
        else:
            # What refers to nothing ends soonest.
            alternatives.sort(key=_leads_on)
        for alternative in alternatives:
            try:
                return self.value(self._both(self._resolved(alternative), rest), depth + 1)
            except _DeadEnd:
                continue
        raise _DeadEnd

    def _plain(self, schema: dict[str, Any], depth: int) -> Any:
        types = types_of(schema)
        if schema.get("type") == []:
            raise _DeadEnd
        if "const" in schema or "enum" in schema:
            values = [schema["const"]] if "const" in schema else schema["enum"]
            return self._of_types(values, types)
        kind = self._draws.choice(types) if types else _implied(schema)
        made: dict[str, Callable[[], Any]] = {
            "object": lambda: self._object(schema, depth),
            "array": lambda: self._array(schema, depth),
            "string": lambda: text(schema, self._draws),
            "integer": lambda: self._found(number(schema, self._draws, whole=True)),
            "number": lambda: self._found(number(schema, self._draws, whole=False)),
            "boolean": self._coin,
            "null": lambda: None,
        }
        return made[kind]()

    def _coin(self) -> bool:
        return self._draws.randrange(2) == 0

    def _of_types(self, values: list[Any], types: list[Any]) -> Any:
        fitting = [value for value in values if not types or _is_of(value, types)]
        return self._draws.choice(fitting) if fitting else self._found(None)

    def _found(self, value: Any) -> Any:
        if value is None:
            raise _DeadEnd
        return value

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties: Mapping[str, Any] = schema.get("properties", {})
        required = schema.get("required", [])
        others = schema.get("additionalProperties", True)
        room = schema.get("maxProperties", len(properties) + len(required)) - len(set(required))
        made: dict[str, Any] = {}
        for name in dict.fromkeys((*properties, *required)):
            inner = properties.get(name, others)
            if name in required:
                made[name] = self.value(inner, depth + 1)
            elif room > 0 and depth < _SPARING_DEPTH and self._coin():
                self._add_optional(made, name, inner, depth)
                room -= name in made
        least = schema.get("minProperties", 0)
        for name, inner in properties.items():
            if len(made) < least and name not in made:
                self._add_optional(made, name, inner, depth)
        for place in range(least - len(made)):
            made[f"key_{place + 1}"] = self.value(others, depth + 1)
        return made

    def _add_optional(self, made: dict[str, Any], name: str, schema: Any, depth: int) -> None:
        try:
            made[name] = self.value(schema, depth + 1)
        except _DeadEnd:
            return

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        firsts, rest = schema.get("prefixItems", []), schema.get("items", True)
        least = schema.get("minItems", 0)
        most = min(schema.get("maxItems", least + _MORE_ITEMS), least + _MORE_ITEMS)
        if most < least:
            raise _DeadEnd
        count = least
        if depth < _SPARING_DEPTH:
            count = self._draws.randint(min(max(least, 1), most), most)
        count = min(max(count, len(firsts)), schema.get("maxItems", max(count, len(firsts))))
        made: list[Any] = []
        for place in range(count):
            item = self._item(firsts[place] if place < len(firsts) else rest, made, schema, depth)
            if item is not _NOTHING:
                made.append(item)
            elif len(made) < least:
                raise _DeadEnd
        return made

    def _item(self, schema: Any, made: list[Any], array: dict[str, Any], depth: int) -> Any:
        """Return a further item, or _NOTHING where none is to be found."""
        for _ in range(_TRIES if array.get("uniqueItems") is True else 1):
            try:
                item = self.value(schema, depth + 1)
            except _DeadEnd:
                return _NOTHING
            if array.get("uniqueItems") is not True or item not in made:
                return item
        return _NOTHING


def _leads_on(schema: Any) -> bool:
    return isinstance(schema, dict) and ("$ref" in schema or "properties" in schema)


def _implied(schema: dict[str, Any]) -> str:
    """Return the type that the keywords of a schema without a type are about."""
    names = {
        "object": {"properties", "required", "additionalProperties", "minProperties"},
        "array": {"items", "prefixItems", "minItems", "maxItems"},
        "number": {"minimum", "maximum", "multipleOf", "exclusiveMinimum", "exclusiveMaximum"},
    }
    return next((kind for kind, words in names.items() if words & schema.keys()), "string")


def _is_of(value: Any, types: list[Any]) -> bool:
    kinds: dict[str, tuple[type, ...]] = {
        "object": (dict,),
        "array": (list,),
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
        "null": (type(None),),
    }
    if isinstance(value, bool):
        return "boolean" in types
    return any(isinstance(value, kinds[kind]) for kind in types)
