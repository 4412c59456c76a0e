"""Idempotency keys of requests that create grants and adjustments."""

from typing import Annotated, Any

from fastapi import Header

from metering.api.problems import Problem
from metering.core.basics.patterns import IDENTIFIER_SCHEMA
from metering.documents.document import Document

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=IDENTIFIER_SCHEMA,
        description="Required. The id of the created resource; makes the request safe to repeat.",
        examples=["grant-2026-11-acme"],
    ),
]


def required(key: str | None) -> str:
    """Return the key. Raises a problem if the header is missing."""
    if key is None:
        fault = {"field": "Idempotency-Key", "message": "is required"}
        raise Problem(400, "Idempotency-Key: is required", errors=[fault])
    return key


def repeated(document: type[Document]) -> dict[int | str, dict[str, Any]]:
    """Return the response to a repeated request, for the OpenAPI document."""
    return {200: {"model": document, "description": "It was there already: a repeated request."}}
