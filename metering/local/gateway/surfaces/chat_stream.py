"""Streams of chat completions: the choices take turns, token by token."""

from collections.abc import Iterator
from itertools import zip_longest

from metering.local.gateway.models.answer import Choice
from metering.local.gateway.refusals import Json
from metering.local.gateway.surfaces.chat_wire import (
    called,
    finish_of,
    frame_of,
    more_of,
    usage_of,
)
from metering.local.gateway.surfaces.surface import Exchange, Piece, sse


def stream(exchange: Exchange) -> Iterator[Piece]:
    """Yield the chunks of an answer."""
    options = exchange.body.get("stream_options")
    with_usage = isinstance(options, dict) and options.get("include_usage") is True
    frame = frame_of(exchange, "chat.completion.chunk")
    if with_usage:
        frame["usage"] = None

    def chunk(choice: Json) -> bytes:
        return sse({**frame, "choices": [choice]})

    if exchange.by_path:
        # Azure's own interface begins with what the content filter thinks, and no choice.
        filtered = {"prompt_index": 0, "content_filter_results": {}}
        yield Piece(sse({**frame, "choices": [], "prompt_filter_results": [filtered]}), 0)
    choices = [_choice(exchange, *one) for one in enumerate(exchange.answer.choices)]
    sent = 0
    for turn in zip_longest(*choices):
        for choice, tokens in filter(None, turn):
            sent += tokens
            yield Piece(chunk(choice), sent)
    if with_usage:
        usage = {**frame, "choices": [], "usage": usage_of(exchange.counts)}
        yield Piece(sse(usage), sent)
    yield Piece(sse("[DONE]"), sent)


def _choice(exchange: Exchange, number: int, choice: Choice) -> Iterator[tuple[Json, int]]:
    """Yield the chunks of one choice, each with the tokens in it."""

    def part(delta: Json, finish: str | None = None) -> Json:
        return {"index": number, "delta": delta, "finish_reason": finish, "logprobs": None}

    content = None if choice.calls else ""
    yield part({"role": "assistant", "content": content, "refusal": None}), 0
    for block in choice.blocks:
        if not block.tool:
            for token in block.tokens:
                yield part({"content": token}), 1
    for place, call in enumerate(choice.calls):
        begun = called(exchange, number, place, call, begun=True)
        yield part({"tool_calls": [{"index": place, **begun}]}), 0
        for token in call.tokens:
            added = more_of(exchange, call, token)
            yield part({"tool_calls": [{"index": place, **added}]}), 1
    yield part({}, finish_of(choice)), 0
