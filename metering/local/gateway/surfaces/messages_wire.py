"""The objects and the stream of Anthropic's messages."""

import json
from collections.abc import Iterator
from typing import Any, Final

from metering.local.gateway.models.answer import Block, Choice
from metering.local.gateway.models.answering import words
from metering.local.gateway.models.counting import Counts
from metering.local.gateway.models.draws import Draws
from metering.local.gateway.refusals import Json
from metering.local.gateway.surfaces.surface import Exchange, Piece, sse

_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
}
_SIGNATURE: Final = "c2ltdWxhdGVk"


def usage_of(counts: Counts) -> Json:
    """Return the usage object of a message."""
    usage: Json = {
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
    if counts.reasoning:
        usage["output_tokens_details"] = {"thinking_tokens": counts.reasoning}
    return usage


def answer(exchange: Exchange) -> Json:
    """Return the message."""
    (choice,) = exchange.answer.choices
    thinking = [_thinking(_thought(exchange), _SIGNATURE)] if choice.reasoning else []
    content = [_block(exchange, place, block) for place, block in enumerate(choice.blocks)]
    return _message(exchange, [*thinking, *content], usage_of(exchange.counts), choice)


def _message(
    exchange: Exchange, content: list[Json], usage: Json, ended: Choice | None = None
) -> Json:
    return {
        "id": f"msg_{exchange.id}",
        "type": "message",
        "role": "assistant",
        "model": exchange.model.served,
        "content": content,
        "stop_reason": None if ended is None else _REASONS[ended.ending],
        "stop_sequence": None if ended is None else ended.stop_sequence,
        "usage": usage,
    }


def _thought(exchange: Exchange) -> str:
    draws = Draws(exchange.request.prompt.digest)
    return "".join(words(exchange.counts.reasoning, draws))


def _thinking(text: str, signature: str) -> Json:
    return {"type": "thinking", "thinking": text, "signature": signature}


def _block(exchange: Exchange, place: int, block: Block, *, begun: bool = False) -> Json:
    """Return a content block; with `begun` without its content, as a stream begins it."""
    if not block.tool:
        return {"type": "text", "text": "" if begun else block.text}
    given = {} if begun else _arguments(block.text)
    return {
        "type": "tool_use",
        "id": f"toolu_{exchange.id[:20]}{place}",
        "name": block.tool,
        "input": given,
    }


def _arguments(text: str) -> Any:
    """Return the arguments of a call, empty where the limit cut them off."""
    try:
        return json.loads(text)
    except ValueError:
        return {}


def stream(exchange: Exchange) -> Iterator[Piece]:
    """Yield the events of a message."""
    (choice,) = exchange.answer.choices
    counts, sent = exchange.counts, 0
    begun = {**usage_of(counts._replace(reasoning=0)), "output_tokens": 1}
    yield _event("message_start", 0, message=_message(exchange, [], begun))
    place = 0
    if choice.reasoning:
        yield from _thinking_events(_thought(exchange))
        place = 1
    for number, block in enumerate(choice.blocks):
        content = _block(exchange, number, block, begun=True)
        yield _event("content_block_start", sent, index=place, content_block=content)
        if place == 0:
            yield _event("ping", 0)
        for token in block.tokens:
            sent += 1
            yield _event("content_block_delta", sent, index=place, delta=_delta(block, token))
        yield _event("content_block_stop", sent, index=place)
        place += 1
    # Cumulative: it replaces what message_start said.
    usage = usage_of(counts)
    del usage["service_tier"], usage["cache_creation"]
    ended = {"stop_reason": _REASONS[choice.ending], "stop_sequence": choice.stop_sequence}
    yield _event("message_delta", sent, delta=ended, usage=usage)
    yield _event("message_stop", sent)


def _delta(block: Block, token: str) -> Json:
    if block.tool:
        return {"type": "input_json_delta", "partial_json": token}
    return {"type": "text_delta", "text": token}


def _thinking_events(text: str) -> Iterator[Piece]:
    yield _event("content_block_start", 0, index=0, content_block=_thinking("", ""))
    added = {"type": "thinking_delta", "thinking": text}
    yield _event("content_block_delta", 0, index=0, delta=added)
    signed = {"type": "signature_delta", "signature": _SIGNATURE}
    yield _event("content_block_delta", 0, index=0, delta=signed)
    yield _event("content_block_stop", 0, index=0)


def _event(kind: str, sent: int, **content: Any) -> Piece:
    return Piece(sse({"type": kind, **content}, kind), sent)
