"""The key under which something that creates money is said: the same again is the same thing."""

from typing import Annotated, Final

from fastapi import Header

from metering.api.problems import Problem

#: Keys become the ids of what is made.
ID_PATTERN: Final = r"^[A-Za-z0-9._-]{1,64}$"

IdempotencyKey = Annotated[
    str | None,
    Header(
        pattern=ID_PATTERN,
        description="The id of what is made: saying the same again is the same one. Required.",
        examples=["grant-2026-11-acme"],
    ),
]


def required(key: str | None) -> str:
    """Return the key; the problem of a request without one names the header."""
    if key is None:
        fault = {"field": "Idempotency-Key", "message": "is required"}
        raise Problem(400, "Idempotency-Key: is required", errors=[fault])
    return key
