"""OpenAI's chat completions, as Azure serves them."""

from typing import Any, Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import Choice
from metering.local.gateway.models.counting import prompt_of
from metering.local.gateway.models.request import MAX_CHOICES, ModelRequest
from metering.local.gateway.refusals import Json, openai_refusal
from metering.local.gateway.request_body import (
    FieldInvalid,
    limit_in,
    messages_in,
    stops_in,
    texts_in,
    whole_in,
)
from metering.local.gateway.surfaces.chat_models import ask
from metering.local.gateway.surfaces.chat_stream import stream
from metering.local.gateway.surfaces.chat_wire import called, finish_of, frame_of, usage_of
from metering.local.gateway.surfaces.openai_tools import (
    format_in,
    schemas_of,
    tool_choice_in,
    tools_in,
)
from metering.local.gateway.surfaces.surface import Exchange, Surface

_MAX_STOPS: Final = 4


def _read(body: Json, model: Model) -> ModelRequest:
    if model.reasons and body.get("max_tokens") is not None:
        message = (
            "Unsupported parameter: 'max_tokens' is not supported with this model."
            " Use 'max_completion_tokens' instead."
        )
        raise FieldInvalid("max_tokens", message, "unsupported_parameter")
    messages = messages_in(body, "messages")
    _check_results(messages)
    texts = [text for number, one in enumerate(messages) for text in _texts(one, number)]
    wanted = format_in(body, "response_format", nested=True)
    if wanted.needs_word and not any("json" in text.lower() for text in texts):
        message = (
            "'messages' must contain the word 'json' in some form, to use 'response_format' of"
            " type 'json_object'."
        )
        raise FieldInvalid("messages", message)
    tools = tools_in(body, nested=True)
    defined = schemas_of(body, body.get("response_format"))
    return ModelRequest(
        prompt_of([*texts, *defined], len(messages), seed=body.get("seed")),
        limit_in(body, ("max_completion_tokens", "max_tokens")),
        choices=1 if body.get("n") is None else whole_in(body, "n", MAX_CHOICES),
        stops=stops_in(body, "stop", _MAX_STOPS),
        tools=tools,
        tool_choice=tool_choice_in(body, tools),
        has_result=messages[-1].get("role") == "tool",
        schema=wanted.schema,
        asked=texts[-1] if texts else "",
    )


def _texts(message: Json, number: int) -> list[str]:
    """Return the texts of a message, those of its calls too."""
    place = f"messages[{number}]"
    texts = texts_in(message.get("content"), f"{place}.content")
    for call in _calls(message):
        texts += [str(call.get("function") or call.get("custom"))]
    return texts


def _calls(message: Json) -> list[Json]:
    calls = message.get("tool_calls")
    return [one for one in calls if isinstance(one, dict)] if isinstance(calls, list) else []


def _check_results(messages: list[Json]) -> None:
    """Check that every call of a tool has its result, and the reverse. Raises FieldInvalid."""
    open_: dict[Any, int] = {}
    for number, message in enumerate(messages):
        if message.get("role") == "tool":
            if open_.pop(str(message.get("tool_call_id")), None) is None:
                text = (
                    f"Invalid parameter: messages with role 'tool' must be a response to a"
                    f" preceding message with 'tool_calls': messages[{number}]."
                )
                raise FieldInvalid(f"messages[{number}].role", text)
            continue
        if open_:
            break
        open_ = {str(call.get("id")): number for call in _calls(message)}
    if open_:
        text = (
            "An assistant message with 'tool_calls' must be followed by tool messages responding"
            f" to each 'tool_call_id'. Without a response: {', '.join(open_)}"
        )
        raise FieldInvalid(f"messages[{next(iter(open_.values()))}]", text)


def _answer(exchange: Exchange) -> Json:
    choices = [
        {
            "index": number,
            "message": _message(exchange, number, choice),
            "finish_reason": finish_of(choice),
            "logprobs": None,
        }
        for number, choice in enumerate(exchange.answer.choices)
    ]
    frame = frame_of(exchange, "chat.completion")
    return {**frame, "choices": choices, "usage": usage_of(exchange.counts)}


def _message(exchange: Exchange, number: int, choice: Choice) -> Json:
    message: Json = {"role": "assistant", "content": choice.text, "refusal": None}
    if choice.calls:
        message["content"] = None
        message["tool_calls"] = [
            called(exchange, number, place, call) for place, call in enumerate(choice.calls)
        ]
    return message


CHAT = Surface(
    name="chat",
    api="azure-openai",
    operation="ChatCompletions_Create",
    read=_read,
    measure=ask,
    answer=_answer,
    stream=stream,
    usage=usage_of,
    refuse=openai_refusal,
    id_prefix="chatcmpl-",
    takes_tier=True,
)
