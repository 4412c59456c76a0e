"""The reference of the site, from the code: commands, routes of the API, and events."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from typer.core import TyperGroup

from metering import bootstrap
from metering.api.application import create_api
from metering.cli.main import app
from metering.core.usage.event import BusinessOutcomeEvent, LlmUsageEvent, MeterUsageEvent
from metering.settings.settings import Settings, SqliteStore
from tools.lock_requirements import ROOT

if TYPE_CHECKING:
    from typer._click.core import Command

_METHODS: Final = ("get", "put", "post", "delete", "patch")
_WIDTH: Final = 100


#: The meaning of each field of an event; a field without one fails the build.
MEANINGS: Final = {
    "specversion": "The version of CloudEvents.",
    "type": "The kind of event.",
    "source": "The gateway or service that reports, such as `/apim/contoso`.",
    "id": "Identifies the event within its source and type: the same id counts once.",
    "time": "When the request began, in RFC 3339. Prices, plan and period follow from it.",
    "subject": "The subscription that pays, or `app:<client id>`.",
    "producer": "Who sent the event to the API. The API sets it, whatever an event says.",
    "status": "The HTTP status that the client got.",
    "product": "The product of API Management.",
    "api": "The API of API Management.",
    "operation": "The operation of that API.",
    "deployment": "The deployment that the request named.",
    "model": "The model that served the request, as the response names it.",
    "requested_model": "The model or deployment that the client asked for.",
    "provider": "The seller, for models that several sell.",
    "backend": "The Azure OpenAI or Foundry resource behind the gateway.",
    "region": "The region of that resource.",
    "deployment_type": "How the model is deployed; prices differ by it.",
    "service_tier": "The service tier that was used.",
    "spillover": "Whether provisioned capacity passed the request on to a standard deployment.",
    "streamed": "Whether the answer was a stream.",
    "cache": "Whether the gateway's semantic cache answered: a hit is charged nothing.",
    "error": "The provider's error code of a failed request.",
    "tool_calls": "Calls of charged tools, by name.",
    "server_tools": "Charged tools that the request offered to the model.",
    "use_case": "What the request was for, as the caller names it.",
    "end_user": "The person on whose behalf it was made.",
    "agent": "The agent that made it.",
    "session": "The session of that agent.",
    "tokens": "`final`: `usage` is complete; `pending`: the log will tell; `absent`: none.",
    "evidence": "How good the counts are; stronger evidence corrects weaker.",
    "revision": "Of a sum over many requests: the number of its changes. The highest stands.",
    "hold": "What a stream is held for until its counts arrive: prompt and maximum output.",
    "usage": "The provider's own usage object, unchanged.",
    "meter": "The thing that is metered, such as `search`.",
    "quantity": "How much of it: a decimal string with at most six decimals.",
    "unit": "The unit of the quantity.",
    "count": "How many outcomes; a whole number.",
    "outcome": "The outcome, such as `ticket_resolved`.",
}


def commands() -> str:
    """Return the page of the commands: their help."""
    parts = ["# Commands\n\nWritten by `make docs` from the help of each command.\n"]
    for name, command in commands_below("metering", app):
        with command.make_context(name, [], resilient_parsing=True) as context:
            context.terminal_width = _WIDTH
            lines = command.get_help(context).split("\n")
            shown = "\n".join(f"    {line}".rstrip() for line in lines)
        parts.append(f"## {name}\n\n{shown}\n")
    return "\n".join(parts)


def commands_below(named: str, command: "Command") -> "Iterator[tuple[str, Command]]":
    """Yield every command below one, with its full name; groups are no commands."""
    if not isinstance(command, TyperGroup):
        yield named, command
        return
    for name, below in command.commands.items():
        yield from commands_below(f"{named} {name}", below)


def routes() -> str:
    """Return the page of the HTTP API: each route with its parameters."""
    nowhere = Settings(SqliteStore(ROOT / "build" / "none.db"))
    document = create_api(bootstrap.App(nowhere)).openapi()
    head = (
        "# Routes\n\nWritten by `make docs` from the OpenAPI document, which `/api/openapi.json`"
        " serves with the shapes of all answers.\n"
    )
    found = (
        _route(path, method, operations[method])
        for path, operations in sorted(document["paths"].items())
        for method in _METHODS
        if method in operations
    )
    return "\n".join((head, *found))


def _route(path: str, method: str, operation: dict[str, Any]) -> str:
    about = operation.get("description") or operation.get("summary") or ""
    lines = [f"## {method.upper()} {path}\n", f"{' '.join(about.split())}\n"]
    given = operation.get("parameters", ())
    if given:
        rows = (
            (
                f"`{one['name']}`",
                one["in"],
                "yes" if one.get("required") else "no",
                " ".join(one.get("description", "").split()),
            )
            for one in given
        )
        lines.append(_table(("parameter", "in", "required", "meaning"), rows))
    return "\n".join(lines)


def events() -> str:
    """Return the page of the events: the fields of each type."""
    head = (
        "# Events\n\nWritten by `make docs` from the models that read them. An event is a"
        " CloudEvent 1.0 in JSON; fields that are not listed are ignored.\n"
    )
    parts = [head]
    for model in (LlmUsageEvent, MeterUsageEvent, BusinessOutcomeEvent):
        schema = model.model_json_schema()
        named = schema["$defs"]
        kind = schema["properties"]["type"].get("const", model.__name__)
        parts.append(f"## {kind}\n\n{_fields(schema, named)}")
        data = named[schema["properties"]["data"]["$ref"].rpartition("/")[2]]
        parts.append(f"### {kind}: data\n\n{_fields(data, named)}")
    return "\n".join(parts)


def _fields(schema: dict[str, Any], named: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    rows = (
        (
            f"`{name}`",
            _kind(field, named),
            "yes" if name in required else "no",
            MEANINGS[name],
        )
        for name, field in schema["properties"].items()
        if name != "data"
    )
    return _table(("field", "type", "required", "meaning"), rows)


def _kind(field: dict[str, Any], named: dict[str, Any]) -> str:
    if "$ref" in field:
        return _kind(named[field["$ref"].rpartition("/")[2]], named)
    if "const" in field:
        return f"`{field['const']}`"
    if "enum" in field:
        return ", ".join(f"`{one}`" for one in field["enum"])
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_kind(one, named) for one in field["anyOf"]))
    kind = str(field.get("type", "any"))
    if "maxLength" in field:
        return f"{kind}, at most {field['maxLength']} characters"
    return kind


def _table(heads: tuple[str, ...], rows: "Iterator[tuple[str, ...]]") -> str:
    lines = (heads, ("---",) * len(heads), *rows)
    return "".join(
        f"| {' | '.join(cell.replace('|', '\\|') for cell in line)} |\n" for line in lines
    )


PAGES: Final = {"cli.md": commands, "api.md": routes, "events.md": events}
"""The pages of docs/reference on the site, by name."""
