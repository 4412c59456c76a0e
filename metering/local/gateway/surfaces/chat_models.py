"""Shared steps of chat surfaces: ask the model, and check schemas."""

from typing import Any

from metering.local.demo.traffic import Model
from metering.local.gateway.models.answer import Answer
from metering.local.gateway.models.answering import answer
from metering.local.gateway.models.counting import Counts, counts_of
from metering.local.gateway.models.request import ModelRequest, Schema
from metering.local.gateway.models.schemas import SchemaInvalid, check
from metering.local.gateway.request_body import FieldInvalid

#: JSON without a schema of the client's.
ANY_OBJECT: Schema = {
    "type": "object",
    "properties": {"answer": {"type": "string"}, "count": {"type": "integer", "minimum": 0}},
    "required": ["answer", "count"],
}


def ask(request: ModelRequest, model: Model) -> tuple[Answer, Counts]:
    """Return the answer of a model of OpenAI, and what it uses. Raises SchemaInvalid."""
    return asked(request, counts_of(request.prompt), reasons=model.reasons)


def asked(request: ModelRequest, counts: Counts, *, reasons: bool) -> tuple[Answer, Counts]:
    """Return the answer, and the counts of its prompt with its output. Raises SchemaInvalid."""
    given = answer(request, reasons=reasons)
    return given, counts._replace(output=given.output, reasoning=given.reasoning)


def checked(
    schema: Any, param: str, of: str, *, strict: bool = False, code: str | None = None
) -> Schema:
    """Return a schema that the model can answer by. Raises FieldInvalid."""
    if schema is None:
        return {"type": "object", "properties": {}}
    try:
        check(schema, strict=strict)
    except SchemaInvalid as fault:
        raise FieldInvalid(param, f"Invalid schema for {of}: {fault.message}", code) from None
    assert isinstance(schema, dict | bool)
    return schema
