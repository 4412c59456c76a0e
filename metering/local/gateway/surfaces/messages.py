"""Anthropic's messages, as Foundry serves them."""

import json
from typing import Any, Final

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import Answer
from metering.local.gateway.models.counting import (
    Counts,
    Mark,
    counts_beside_cache,
    mark_after,
    prompt_of,
)
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.refusals import Json, anthropic_refusal
from metering.local.gateway.request_body import (
    FieldInvalid,
    limit_in,
    messages_in,
    object_in,
    stops_in,
    texts_in,
)
from metering.local.gateway.surfaces.anthropic_tools import schema_in, tool_choice_in, tools_in
from metering.local.gateway.surfaces.chat_models import asked
from metering.local.gateway.surfaces.messages_wire import answer, stream, usage_of
from metering.local.gateway.surfaces.surface import Surface

#: Anthropic names no bound; more than these nobody needs.
_MAX_STOPS: Final = 128
_LEAST_THINKING: Final = 1_024


def read_prompt(body: Json) -> ModelRequest:
    """Return the request without its limit, as it is counted. Raises FieldInvalid."""
    messages = messages_in(body, "messages")
    _check_results(messages)
    tools, schema = tools_in(body), schema_in(body)
    texts, mark = _texts(body, messages)
    if schema is not None:
        texts.append(json.dumps(schema))
    last = messages[-1].get("content")
    return ModelRequest(
        prompt_of(texts, len(messages))._replace(mark=mark),
        stops=stops_in(body, "stop_sequences", _MAX_STOPS),
        tools=tools,
        tool_choice=tool_choice_in(body, tools),
        has_result=any(part.get("type") == "tool_result" for part in _parts(last)),
        schema=schema,
        asked=" ".join(texts_in(last, "messages")),
    )


def _read(body: Json, _model: Model) -> ModelRequest:
    limit = limit_in(body, ("max_tokens",))
    if limit is None:
        raise FieldInvalid("max_tokens", "Field required")
    thinking = object_in(body, "thinking")
    if thinking.get("type") == "enabled":
        budget = limit_in(thinking, ("budget_tokens",)) or 0
        if not _LEAST_THINKING <= budget < limit:
            message = f"must be at least {_LEAST_THINKING} and less than max_tokens"
            raise FieldInvalid("thinking.budget_tokens", message)
    thinks = thinking.get("type") in {"enabled", "adaptive"}
    return read_prompt(body)._replace(max_output_tokens=limit, thinks=thinks)


def _texts(body: Json, messages: list[Json]) -> tuple[list[str], Mark | None]:
    """Return the texts in the order in which they are cached, and the last mark in them."""
    contents = [("system", body.get("system"))]
    contents += [(f"messages.{n}.content", one.get("content")) for n, one in enumerate(messages)]
    pairs = [(str(tool), tool) for tool in body.get("tools") or ()]
    for place, content in contents:
        pairs += zip(texts_in(content, place), _parts(content), strict=True)
    texts: list[str] = []
    mark = None
    for text, part in pairs:
        texts.append(text)
        control = part.get("cache_control")
        if isinstance(control, dict):
            mark = mark_after(texts, kept_long=control.get("ttl") == "1h")
    return texts, mark


def _parts(content: Any) -> list[Json]:
    """Return the parts of a content as objects; a bare string is one without a mark."""
    return [{}] if isinstance(content, str) else content or []


def _check_results(messages: list[Json]) -> None:
    """Check that results stand after the calls that they are of. Raises FieldInvalid."""
    called: set[Any] = set()
    for number, message in enumerate(messages):
        parts = [one for one in _parts(message.get("content")) if isinstance(one, dict)]
        results = {str(one.get("tool_use_id")) for one in parts if one.get("type") == "tool_result"}
        place = f"messages.{number}"
        if results - called:
            message_text = (
                "`tool_result` blocks must follow `tool_use` blocks with the same id in the"
                f" previous message. Unexpected: {', '.join(sorted(results - called))}"
            )
            raise FieldInvalid(place, message_text)
        if called - results:
            message_text = (
                "`tool_use` ids were found without `tool_result` blocks immediately after:"
                f" {', '.join(sorted(called - results))}"
            )
            raise FieldInvalid(place, message_text)
        called = {str(one.get("id")) for one in parts if one.get("type") == "tool_use"}


def _measure(request: ModelRequest, _model: Model) -> tuple[Answer, Counts]:
    return asked(request, counts_beside_cache(request.prompt), reasons=request.thinks)


MESSAGES = Surface(
    name="anthropic",
    api="anthropic",
    operation="Messages_Create",
    read=_read,
    measure=_measure,
    answer=answer,
    stream=stream,
    usage=usage_of,
    refuse=anthropic_refusal,
    id_header="request-id",
    id_prefix="msg_",
    provider="anthropic",
)
