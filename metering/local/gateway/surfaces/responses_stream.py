"""Streams of Responses: typed events, numbered in sequence."""

from collections.abc import Iterator
from itertools import count
from typing import Any

from metering.local.gateway.models.answer import Block
from metering.local.gateway.refusals import Json
from metering.local.gateway.surfaces.responses_wire import (
    finished,
    is_custom,
    item_of,
    part_of,
    reasoning_item,
    response_of,
    status_of,
)
from metering.local.gateway.surfaces.surface import Exchange, Piece, sse

type _Event = tuple[str, int, Json]
"""Name, tokens in it, content."""


def stream(exchange: Exchange) -> Iterator[Piece]:
    """Yield the events of an answer. One in the background is queued first."""
    numbers, sent = count(), 0
    for name, tokens, content in _events(exchange):
        sent += tokens
        data = {"type": f"response.{name}", "sequence_number": next(numbers), **content}
        yield Piece(sse(data, data["type"]), sent)


def _events(exchange: Exchange) -> Iterator[_Event]:
    (choice,) = exchange.answer.choices
    if exchange.body.get("background") is True:
        yield "queued", 0, {"response": response_of(exchange, "queued")}
    begun = response_of(exchange, "in_progress")
    yield "created", 0, {"response": begun}
    yield "in_progress", 0, {"response": begun}
    place = 0
    if choice.reasoning:
        item = {"item": reasoning_item(exchange), "output_index": place}
        yield "output_item.added", 0, item
        yield "output_item.done", 0, item
        place += 1
    status = status_of(choice)
    for number, block in enumerate(choice.blocks):
        item = item_of(exchange, block, number, "in_progress")
        yield "output_item.added", 0, {"item": item, "output_index": place}
        where = {"item_id": item["id"], "output_index": place}
        yield from _call(exchange, block, where) if block.tool else _text(block, where)
        item = item_of(exchange, block, number, status)
        yield "output_item.done", 0, {"item": item, "output_index": place}
        place += 1
    yield status, 0, {"response": finished(exchange)}


def _text(block: Block, where: Json) -> Iterator[_Event]:
    place: dict[str, Any] = {**where, "content_index": 0}
    yield "content_part.added", 0, {"part": part_of(""), **place}
    for token in block.tokens:
        yield "output_text.delta", 1, {"delta": token, "logprobs": [], **place}
    yield "output_text.done", 0, {"text": block.text, "logprobs": [], **place}
    yield "content_part.done", 0, {"part": part_of(block.text), **place}


def _call(exchange: Exchange, block: Block, where: Json) -> Iterator[_Event]:
    custom = is_custom(exchange, block)
    name = "custom_tool_call_input" if custom else "function_call_arguments"
    for token in block.tokens:
        yield f"{name}.delta", 1, {"delta": token, **where}
    whole = {"input": block.text} if custom else {"arguments": block.text, "name": block.tool}
    yield f"{name}.done", 0, {**whole, **where}


def events_after(exchange: Exchange, number: int) -> Iterator[bytes]:
    """Yield the events of an answer with higher numbers."""
    for place, piece in enumerate(stream(exchange)):
        if place > number:
            yield piece.data
