"""Anthropic's messages, as Foundry serves them."""

from collections.abc import Iterator
from typing import Any

from metering.local.demo.traffic import Model
from metering.local.gateway.models.counting import (
    Counts,
    Prompt,
    answer_beside_cache,
    mark_after,
    prompt_of,
)
from metering.local.gateway.models.shapes import Exchange, Piece, Shape, delta, sse, text_up_to
from metering.local.gateway.refusals import Json, anthropic_refusal
from metering.local.gateway.request_body import FieldInvalid, limit_in, messages_in, texts_in


def _read(body: Json) -> Prompt:
    limit = limit_in(body, ("max_tokens",))
    if limit is None:
        raise FieldInvalid("max_tokens", "Field required")
    messages = messages_in(body, "messages")
    contents = [("system", body.get("system"))]
    contents += [(f"messages.{n}.content", one.get("content")) for n, one in enumerate(messages)]
    texts: list[str] = []
    mark = None
    for place, content in contents:
        for text, part in zip(texts_in(content, place), _parts(content), strict=True):
            texts.append(text)
            control = part.get("cache_control")
            if isinstance(control, dict):
                mark = mark_after(texts, kept_long=control.get("ttl") == "1h")
    prompt = prompt_of(texts, len(messages), max_output_tokens=limit)
    return prompt._replace(mark=mark)


def _parts(content: Any) -> list[Json]:
    """Return the parts of a content as objects; a bare string is one without a mark."""
    if isinstance(content, str):
        return [{}]
    return content or []


def _measure(prompt: Prompt, _model: Model) -> Counts:
    return answer_beside_cache(prompt)


def _usage(counts: Counts) -> Json:
    return {
        "input_tokens": counts.uncached,
        "cache_creation_input_tokens": counts.written + counts.written_long,
        "cache_read_input_tokens": counts.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts.written,
            "ephemeral_1h_input_tokens": counts.written_long,
        },
        "output_tokens": counts.completion,
        "service_tier": "standard",
    }


def _message(exchange: Exchange, content: list[Json], *, usage: Json, reason: str | None) -> Json:
    return {
        "id": f"msg_{exchange.id}",
        "type": "message",
        "role": "assistant",
        "model": exchange.model.served,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": usage,
    }


def _stop_reason(counts: Counts) -> str:
    return "max_tokens" if counts.cut_off else "end_turn"


def _answer(exchange: Exchange) -> Json:
    counts = exchange.counts
    content = {"type": "text", "text": text_up_to(counts.words, len(counts.words))}
    return _message(exchange, [content], usage=_usage(counts), reason=_stop_reason(counts))


def _stream(exchange: Exchange) -> Iterator[Piece]:
    counts = exchange.counts
    words = counts.words

    def event(kind: str, made: int, **content: Any) -> Piece:
        return Piece(sse({"type": kind, **content}, kind), made)

    begun = {**_usage(counts), "output_tokens": 1}
    yield event("message_start", 0, message=_message(exchange, [], usage=begun, reason=None))
    yield event("content_block_start", 0, index=0, content_block={"type": "text", "text": ""})
    yield event("ping", 0)
    for position in range(len(words)):
        added = {"type": "text_delta", "text": delta(words, position)}
        yield event("content_block_delta", position + 1, index=0, delta=added)
    made = len(words)
    yield event("content_block_stop", made, index=0)
    # Cumulative: it replaces what message_start said.
    usage = _usage(counts)
    del usage["service_tier"], usage["cache_creation"]
    ended = {"stop_reason": _stop_reason(counts), "stop_sequence": None}
    yield event("message_delta", made, delta=ended, usage=usage)
    yield event("message_stop", made)


MESSAGES = Shape(
    name="anthropic",
    api="anthropic",
    operation="Messages_Create",
    read=_read,
    measure=_measure,
    answer=_answer,
    stream=_stream,
    usage=_usage,
    refuse=anthropic_refusal,
    id_header="request-id",
)
