"""The declaration of a surface, so that one gateway serves them all."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import Answer
from metering.local.gateway.models.counting import Counts
from metering.local.gateway.models.request import ModelRequest
from metering.local.gateway.refusals import Json, Refuse


class Exchange(NamedTuple):
    """A request in progress. `created` is in seconds since the epoch, UTC."""

    id: str
    """The request id without dashes, from which the provider's ids are derived."""
    created: int
    model: Model
    request: ModelRequest
    answer: Answer
    counts: Counts
    body: Json
    tier: str
    """standard, priority or flex."""
    by_path: bool
    """Whether the deployment is named in the path, as in Azure's own interface."""
    url: str
    """The address of the gateway, for what a client fetches later."""


class Piece(NamedTuple):
    """A chunk of a streamed response, and the number of the output's tokens sent with it."""

    data: bytes
    tokens: int


class Surface(NamedTuple):
    """One API: reads requests, and gives the model's answers its format."""

    name: str
    api: str
    operation: str
    read: Callable[[Json, Model], ModelRequest]
    """Raises FieldInvalid."""
    measure: Callable[[ModelRequest, Model], tuple[Answer, Counts]]
    """Asks the model. Raises SchemaInvalid."""
    answer: Callable[[Exchange], Json | str]
    """A text is what no gateway finds usage in."""
    stream: Callable[[Exchange], Iterator[Piece]] | None
    usage: Callable[[Counts], Json]
    refuse: Refuse
    id_header: str = "x-request-id"
    """The header in which the provider's clients expect the request id."""
    id_prefix: str = ""
    """Begins the model's id of a request, which the answer carries as `id`."""
    takes_form: bool = False
    """Whether the body is a form with a file instead of JSON."""
    downgradable: bool = True
    """Whether another model may stand in."""
    is_logged: bool = True
    """Whether the gateway's log for models has a row with the tokens of a request."""
    billed_as: Callable[[Exchange], str] | None = None
    """The model that is priced where answers name none; in Azure a deployment's record has it."""
    takes_tier: bool = False
    """Whether a request may ask for a service tier."""
    provider: str | None = None
    """The provider that events name; None where the policy names none."""
    is_stream: bool = False
    """Whether the operation itself is a stream, whatever the body says."""
    media_type: str = "text/event-stream"
    """Of a stream."""
    counting_headers: Callable[[Counts], Mapping[str, str]] | None = None
    """The headers in which a whole answer has its counts, where its body has none."""


def sse(data: Json | str, event: str | None = None) -> bytes:
    """Return one server-sent event."""
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()
