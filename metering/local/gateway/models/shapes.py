"""The common interface of all provider APIs, so that one gateway serves them all."""

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

from metering.local.demo.traffic import Model
from metering.local.gateway.models.counting import Counts, Prompt
from metering.local.gateway.refusals import Json, Refuse


class Exchange(NamedTuple):
    """A request in progress. `created` is in seconds since the epoch, UTC."""

    id: str
    """The request id without dashes, from which the provider's ids are derived."""
    created: int
    model: Model
    prompt: Prompt
    counts: Counts
    body: Json
    tier: str
    """standard, priority or flex."""
    by_path: bool
    """Whether the deployment is named in the path, as in Azure's own interface."""


class Piece(NamedTuple):
    """A chunk of a streamed response, and the number of words sent with it."""

    data: bytes
    words: int


class Shape(NamedTuple):
    """One API: reads, counts and answers its requests."""

    name: str
    api: str
    operation: str
    read: Callable[[Json], Prompt]
    """Raises FieldInvalid."""
    measure: Callable[[Prompt, Model], Counts]
    answer: Callable[[Exchange], Json]
    stream: Callable[[Exchange], Iterator[Piece]] | None
    usage: Callable[[Counts], Json]
    refuse: Refuse
    id_header: str = "x-request-id"
    """The header in which the provider's clients expect the request id."""


def model_request_id(shape: Shape, request_id: str) -> str:
    """Return the model's id of a request, which the response carries as `id`."""
    return f"{_ID_PREFIXES[shape.name]}{request_id}"


_ID_PREFIXES = {
    "chat": "chatcmpl-",
    "responses": "resp_",
    "anthropic": "msg_",
    "embeddings": "emb-",
}


def sse(data: Json | str, event: str | None = None) -> bytes:
    """Return one server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def text_up_to(words: tuple[str, ...], count: int) -> str:
    """Return the text of the first words."""
    return " ".join(words[:count])


def delta(words: tuple[str, ...], position: int) -> str:
    """Return the text that a word adds."""
    return f" {words[position]}" if position else words[position]
