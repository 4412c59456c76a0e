"""OpenAI's Responses, as Azure serves them."""

from typing import Any, Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.counting import prompt_of
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.refusals import Json, openai_refusal
from metering.local.gateway.request_body import (
    FieldInvalid,
    limit_in,
    messages_in,
    object_in,
    texts_in,
)
from metering.local.gateway.surfaces.chat_models import ask
from metering.local.gateway.surfaces.openai_tools import (
    format_in,
    schemas_of,
    tool_choice_in,
    tools_in,
)
from metering.local.gateway.surfaces.responses_stream import stream
from metering.local.gateway.surfaces.responses_wire import finished, usage_of
from metering.local.gateway.surfaces.surface import Surface

_RESULTS: Final = frozenset({"function_call_output", "custom_tool_call_output"})
_CALLS: Final = {"function_call": "arguments", "custom_tool_call": "input"}


def items_in(body: Json) -> list[Json]:
    """Return the input as a list of items. Raises FieldInvalid."""
    given = body.get("input")
    if isinstance(given, str):
        return [{"role": "user", "content": given}]
    return messages_in(body, "input")


def _read(body: Json, _model: Model) -> ModelRequest:
    if body.get("background") is True and body.get("store") is False:
        message = "A response in the background must be stored: 'store' cannot be false."
        raise FieldInvalid("background", message)
    instructions = texts_in(body.get("instructions"), "instructions")
    items = items_in(body)
    texts = [text for number, item in enumerate(items) for text in _texts(item, number)]
    options = object_in(body, "text")
    wanted = format_in(options, "text.format", nested=False)
    if wanted.needs_word and not any("json" in text.lower() for text in [*instructions, *texts]):
        message = (
            "Response input messages must contain the word 'json' in some form to use"
            " 'text.format' of type 'json_object'."
        )
        raise FieldInvalid("input", message)
    tools = tools_in(body, nested=False)
    defined = schemas_of(body, options)
    return ModelRequest(
        prompt_of([*instructions, *texts, *defined], len(instructions) + len(items)),
        limit_in(body, ("max_output_tokens",)),
        tools=tools,
        tool_choice=tool_choice_in(body, tools),
        has_result=items[-1].get("type") in _RESULTS,
        schema=wanted.schema,
        asked=texts[-1] if texts else "",
    )


def _texts(item: Json, number: int) -> list[str]:
    """Return the texts of an input item: a message, a call of a tool, or its result."""
    kind: Any = item.get("type")
    if isinstance(kind, str) and kind in _CALLS:
        return [str(item.get("name")), str(item.get(_CALLS[kind]))]
    field = "output" if isinstance(kind, str) and kind in _RESULTS else "content"
    return texts_in(item.get(field), f"input[{number}].{field}")


RESPONSES = Surface(
    name="responses",
    api="azure-openai",
    operation="Responses_Create",
    read=_read,
    measure=ask,
    answer=finished,
    stream=stream,
    usage=usage_of,
    refuse=openai_refusal,
    id_prefix="resp_",
    takes_tier=True,
)
