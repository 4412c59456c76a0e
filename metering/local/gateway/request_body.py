"""Reads the parts of a request body that most surfaces have."""

import json
from collections.abc import Iterable
from typing import Any

from metering.core.basics.errors import MeteringError
from metering.local.gateway.models.counting import NO_TEXT
from metering.local.gateway.refusals import Json


class FieldInvalid(MeteringError):
    """A field of the body is missing or invalid. `param` is its name; None means the body."""

    def __init__(self, param: str | None, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.message = message
        self.code = code


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
    messages = objects_in(body, param)
    if not messages:
        raise FieldInvalid(param, f"{param} must be a list of at least one message.")
    return messages


def objects_in(body: Json, param: str, most: int | None = None) -> list[Json]:
    """Return a list of objects, empty if the body has none. Raises FieldInvalid."""
    given = body.get(param) or []
    if not isinstance(given, list) or (most is not None and len(given) > most):
        bound = "" if most is None else f" of at most {most}"
        raise FieldInvalid(param, f"{param} must be a list{bound}.")
    for number, one in enumerate(given):
        if not isinstance(one, dict):
            raise FieldInvalid(f"{param}[{number}]", f"{param}[{number}] must be an object.")
    return given


def object_in(body: Json, param: str) -> Json:
    """Return an object, empty if the body has none. Raises FieldInvalid."""
    given = body.get(param)
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise FieldInvalid(param, f"{param} must be an object.")
    return given


def name_in(body: Json, field: str, param: str) -> str:
    """Return the name in a field of an object at `param`. Raises FieldInvalid."""
    name = body.get(field)
    if not isinstance(name, str) or not name:
        raise FieldInvalid(f"{param}.{field}", f"{param}.{field} must be a text.")
    return name


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
    """Return the text of a part: its own, that of a tool's result, or the input of a call."""
    text = part.get("text")
    if isinstance(text, str):
        return text
    if part.get("type") == "tool_use":
        return f"{part.get('name')} {json.dumps(part.get('input'))}"
    if part.get("type") == "tool_result":
        return "".join(texts_in(part.get("content"), "content"))
    return NO_TEXT


def limit_in(body: Json, names: Iterable[str]) -> int | None:
    """Return the first of the named limits of output that is given. Raises FieldInvalid."""
    for name in names:
        if body.get(name) is not None:
            return whole_in(body, name)
    return None


def whole_in(body: Json, name: str, most: int | None = None) -> int:
    """Return a whole number of at least 1, which a field must be. Raises FieldInvalid."""
    value = body.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldInvalid(name, f"{name} must be a whole number of at least 1.", "invalid_type")
    if value < 1:
        message = f"{name} must be a whole number of at least 1, and is {value}."
        raise FieldInvalid(name, message, "integer_below_min_value")
    if most is not None and value > most:
        message = f"{name} must be a whole number of at most {most}, and is {value}."
        raise FieldInvalid(name, message, "integer_above_max_value")
    return value


def stops_in(body: Json, name: str, most: int) -> tuple[str, ...]:
    """Return the stop sequences: one, or a list. Raises FieldInvalid."""
    given = body.get(name)
    stops = [given] if isinstance(given, str) else given or []
    if (
        not isinstance(stops, list)
        or len(stops) > most
        or not all(isinstance(stop, str) and stop for stop in stops)
    ):
        raise FieldInvalid(name, f"{name} must be a text or a list of at most {most} texts.")
    return tuple(stops)


def model_in(body: Json) -> str:
    """Return the model that a body names. Raises FieldInvalid."""
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise FieldInvalid("model", "The request names no model.")
    return model
