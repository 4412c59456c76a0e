"""Reads the parts of a request body that the counting rule needs."""

import json
from collections.abc import Iterable
from typing import Any

from metering.core.basics.errors import MeteringError
from metering.local.gateway.models.counting import NO_TEXT
from metering.local.gateway.refusals import Json


class FieldInvalid(MeteringError):
    """A field of the body is missing or invalid. `param` is its name; None means the body."""

    def __init__(self, param: str | None, message: str) -> None:
        super().__init__(message)
        self.param = param
        self.message = message


def json_object(content: bytes) -> Json:
    """Return the body as a JSON object. Raises FieldInvalid."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise FieldInvalid(None, "The JSON body of the request could not be parsed.") from None
    if not isinstance(body, dict):
        raise FieldInvalid(None, "The body of the request is not a JSON object.")
    return body


def messages_in(body: Json, param: str) -> list[Json]:
    """Return a list of messages, at least one. Raises FieldInvalid."""
    messages = body.get(param)
    if not isinstance(messages, list) or not messages:
        raise FieldInvalid(param, f"{param} must be a list of at least one message.")
    for number, message in enumerate(messages):
        if not isinstance(message, dict):
            raise FieldInvalid(f"{param}[{number}]", "A message must be an object.")
    return messages


def texts_in(content: Any, param: str) -> list[str]:
    """Return the texts of a message's content: a string, nothing, or parts. Raises FieldInvalid."""
    if content is None:
        return []
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise FieldInvalid(param, f"{param} must be a string or a list of parts.")
    return [_text_of(part) for part in content]


def _text_of(part: Json) -> str:
    text = part.get("text")
    return text if isinstance(text, str) else NO_TEXT


def limit_in(body: Json, names: Iterable[str]) -> int | None:
    """Return the first of the named limits of output that is given. Raises FieldInvalid."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise FieldInvalid(name, f"{name} must be a whole number of at least 1.")
        return value
    return None


def model_in(body: Json) -> str:
    """Return the model that a body names. Raises FieldInvalid."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise FieldInvalid("model", "The request names no model.")
    return model
