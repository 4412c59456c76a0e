"""Tools and structured outputs as OpenAI's two APIs ask for them.

Chat completions put a function under `function`, Responses put its fields beside `type`; otherwise
they are the same. Tools that the service runs itself (web search and others) are accepted, and
never called.
"""

import re
from typing import Any, Final, NamedTuple

from metering.local.gateway.models.request import MAX_TOOLS, Schema, Tool, ToolChoice
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import FieldInvalid, name_in, object_in, objects_in
from metering.local.gateway.surfaces.chat_models import ANY_OBJECT, checked

_NAME: Final = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_MODES: Final = frozenset({"auto", "none", "required"})
_OF_CLIENT: Final = frozenset({"function", "custom"})


class Format(NamedTuple):
    """The format of the answer."""

    schema: Schema | None = None
    needs_word: bool = False
    """Whether the messages must mention JSON, as they must without a schema."""


def tools_in(body: Json, *, nested: bool) -> tuple[Tool, ...]:
    """Return the tools that the client runs. Raises FieldInvalid."""
    found = []
    for number, tool in enumerate(objects_in(body, "tools", MAX_TOOLS)):
        place, kind = f"tools[{number}]", tool.get("type")
        if not isinstance(kind, str):
            raise FieldInvalid(f"{place}.type", f"Missing required parameter: '{place}.type'.")
        if kind in _OF_CLIENT:
            place = f"{place}.{kind}" if nested else place
            found.append(_tool(object_in(tool, kind) if nested else tool, kind, place))
    return tuple(found)


def _tool(tool: Json, kind: str, place: str) -> Tool:
    name = name_in(tool, "name", place)
    if not _NAME.fullmatch(name):
        message = f"Invalid '{place}.name': it must match '^[a-zA-Z0-9_-]{{1,64}}$'."
        raise FieldInvalid(f"{place}.name", message, "invalid_value")
    if kind == "custom":
        return Tool(name, None)
    code, strict = "invalid_function_parameters", tool.get("strict") is True
    schema = checked(
        tool.get("parameters"),
        f"{place}.parameters",
        f"function {name!r}",
        strict=strict,
        code=code,
    )
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        message = f"Invalid schema for function {name!r}: schema must be of type 'object'."
        raise FieldInvalid(f"{place}.parameters", message, code)
    # Arguments are an object even where the schema does not say so.
    return Tool(name, {"type": "object", **schema})


def tool_choice_in(body: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    """Return which tools are to be called. Raises FieldInvalid."""
    parallel = body.get("parallel_tool_calls") is not False
    given = body.get("tool_choice")
    if given is None:
        return ToolChoice(parallel=parallel)
    if not body.get("tools"):
        message = "'tool_choice' is only allowed when 'tools' are specified."
        raise FieldInvalid("tool_choice", message)
    if isinstance(given, str) and given in _MODES:
        return ToolChoice(mode=given, parallel=parallel)  # type: ignore[arg-type]
    if not isinstance(given, dict):
        message = f"Invalid value: {given!r:.40}. Supported values are: 'none', 'auto', 'required'."
        raise FieldInvalid("tool_choice", message, "invalid_value")
    kind = given.get("type")
    if kind == "allowed_tools":
        allowed = object_in(given, "allowed_tools") or given
        names = frozenset(_named(tool) for tool in objects_in(allowed, "tools"))
        mode = "required" if allowed.get("mode") == "required" else "auto"
        return ToolChoice(mode, _known(names, tools), parallel)  # type: ignore[arg-type]
    if kind not in _OF_CLIENT:
        return ToolChoice(parallel=parallel)
    return ToolChoice("required", _known(frozenset({_named(given)}), tools), parallel=False)


def _named(tool: Json) -> str:
    kind = tool.get("type")
    inner = tool.get(kind) if isinstance(kind, str) else None
    return name_in(inner if isinstance(inner, dict) else tool, "name", "tool_choice")


def _known(names: frozenset[str], tools: tuple[Tool, ...]) -> frozenset[str]:
    for name in sorted(names - {tool.name for tool in tools}):
        message = f"Tool choice {name!r} not found in 'tools' parameter."
        raise FieldInvalid("tool_choice", message)
    return names


def format_in(body: Json, param: str, *, nested: bool) -> Format:
    """Return the format of the answer that an object asks for. Raises FieldInvalid."""
    given = object_in(body, param.rpartition(".")[2])
    kind = given.get("type")
    if kind in {None, "text"}:
        return Format()
    if kind == "json_object":
        return Format(ANY_OBJECT, needs_word=True)
    if kind != "json_schema":
        message = (
            f"Invalid value: {kind!r:.40}. Supported values are:"
            " 'json_object', 'json_schema', and 'text'."
        )
        raise FieldInvalid(f"{param}.type", message, "invalid_value")
    return Format(_schema(object_in(given, kind) if nested else given, param, nested=nested))


def _schema(given: Json, param: str, *, nested: bool) -> Schema:
    place = f"{param}.json_schema" if nested else param
    name = name_in(given, "name", place)
    if "schema" not in given:
        raise FieldInvalid(f"{place}.schema", f"Missing required parameter: '{place}.schema'.")
    strict = given.get("strict") is True
    schema = checked(given["schema"], param, f"response_format {name!r}", strict=strict)
    if (
        strict
        and isinstance(schema, dict)
        and schema.get("type") != "object"
        and "$ref" not in schema
    ):
        message = f"Invalid schema for response_format {name!r}: schema must be of type 'object'."
        raise FieldInvalid(param, message)
    return schema


def schemas_of(body: Json, given: Any) -> list[str]:
    """Return the texts that tools and formats add to the prompt."""
    return [str(one) for one in (*(body.get("tools") or ()), *([given] if given else ()))]
