"""Tools and structured outputs as Anthropic's messages ask for them.

Tools that have a type of their own (web search, bash and others of Anthropic's) are accepted, and
never called.
"""

from typing import Any, Final

from metering.local.gateway.models.request import MAX_TOOLS, Schema, Tool, ToolChoice
from metering.local.gateway.refusals import Json
from metering.local.gateway.request_body import FieldInvalid, name_in, object_in, objects_in
from metering.local.gateway.surfaces.chat_models import checked

_MODES: Final = {"auto": "auto", "any": "required", "none": "none", "tool": "required"}


def tools_in(body: Json) -> tuple[Tool, ...]:
    """Return the tools that the client runs. Raises FieldInvalid."""
    found = []
    for number, tool in enumerate(objects_in(body, "tools", MAX_TOOLS)):
        if tool.get("type") not in {None, "custom"}:
            continue
        place = f"tools.{number}"
        name = name_in(tool, "name", place)
        if not isinstance(tool.get("input_schema"), dict):
            raise FieldInvalid(f"{place}.input_schema", "Field required")
        schema = checked(tool["input_schema"], f"{place}.input_schema", f"tool {name!r}")
        if not isinstance(schema, dict) or schema.get("type") != "object":
            raise FieldInvalid(f"{place}.input_schema.type", "Input should be 'object'")
        found.append(Tool(name, schema))
    return tuple(found)


def tool_choice_in(body: Json, tools: tuple[Tool, ...]) -> ToolChoice:
    """Return which tools are to be called. Raises FieldInvalid."""
    given = object_in(body, "tool_choice")
    if not given:
        return ToolChoice()
    kind: Any = given.get("type")
    if not isinstance(kind, str) or kind not in _MODES:
        message = f"Input tag {kind!r:.40} does not match any of: 'auto', 'any', 'tool', 'none'"
        raise FieldInvalid("tool_choice", message)
    if not body.get("tools"):
        raise FieldInvalid("tool_choice", "tool_choice may only be specified with tools")
    names = frozenset([name_in(given, "name", "tool_choice")] if kind == "tool" else [])
    for name in names - {tool.name for tool in tools}:
        raise FieldInvalid("tool_choice", f"Tool '{name}' not found in provided tools")
    parallel = given.get("disable_parallel_tool_use") is not True
    return ToolChoice(_MODES[kind], names, parallel and not names)  # type: ignore[arg-type]


def schema_in(body: Json) -> Schema | None:
    """Return the schema that the answer must fit. Raises FieldInvalid.

    `output_format` is the name that it had in beta.
    """
    given = object_in(object_in(body, "output_config"), "format") or object_in(
        body, "output_format"
    )
    if not given:
        return None
    if given.get("type") != "json_schema":
        raise FieldInvalid("output_config.format.type", "Input should be 'json_schema'")
    if not isinstance(given.get("schema"), dict):
        raise FieldInvalid("output_config.format.schema", "Field required")
    return checked(given["schema"], "output_config.format.schema", "output_config")
