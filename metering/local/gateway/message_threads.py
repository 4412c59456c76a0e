"""Threads of messages: conversations that the service holds, so that a turn sends what is new.

Anthropic's clients run their tool runners over threads (anthropic 2.12, beta `message-threads`).
"""

import json
from typing import Final, NamedTuple

from metering.local.gateway.bounded_store import BoundedStore
from metering.local.gateway.refusals import Json, Refusal, anthropic_refusal
from metering.local.gateway.request_body import FieldInvalid, messages_in, object_in
from metering.local.gateway.surfaces.messages_wire import answer
from metering.local.gateway.surfaces.surface import Exchange

#: Said when a thread is created, and held with it.
_HELD: Final = ("system", "tools")
_MAX_BYTES: Final = 4 * 1_048_576


class _Turn(NamedTuple):
    held: Json
    messages: list[Json]
    size: int


class MessageThreads:
    """The threads of one gateway."""

    def __init__(self) -> None:
        self._turns: BoundedStore[_Turn] = BoundedStore()

    def continued(self, subject: str, body: Json) -> Json:
        """Return a body with the conversation that it goes on from.

        Raises FieldInvalid, or Refusal where there is no such conversation.
        """
        thread = object_in(body, "thread")
        if thread.get("type") in {None, "create"}:
            return body
        previous = thread.get("previous_message_id")
        turn = self._turns.find(subject, previous)
        if thread["type"] != "continue" or turn is None:
            raise _lost(previous)
        if turn.size > _MAX_BYTES:
            raise FieldInvalid("messages", "The conversation exceeds the context window.")
        return {**turn.held, **body, "messages": [*turn.messages, *messages_in(body, "messages")]}

    def keep(self, subject: str, exchange: Exchange) -> None:
        """Keep the conversation up to an answer, if the request asks for that."""
        body = exchange.body
        if not body.get("thread"):
            return
        content = answer(exchange)["content"]
        messages = [*body["messages"], {"role": "assistant", "content": content}]
        held: Json = {name: body[name] for name in _HELD if name in body}
        size = len(json.dumps([held, messages]))
        self._turns.put(subject, f"msg_{exchange.id}", _Turn(held, messages, size), size)


def _lost(previous: object) -> Refusal:
    refusal = anthropic_refusal(404, f"Thread not found: {previous!s:.80}")
    refusal.body["error"]["details"] = {"error_code": "thread_not_found"}
    return refusal
