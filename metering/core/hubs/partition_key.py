"""Partition keys: events published under one key keep their order."""

import hashlib
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from metering.core.basics.errors import Code, RejectedEvent

#: The longest key that Event Hubs accepts, in characters (service quotas, 2026).
MAX_KEY_CHARACTERS: Final = 128


class _Envelope(BaseModel):
    model_config = ConfigDict(defer_build=True, frozen=True, strict=True, extra="ignore")
    subject: Annotated[str, StringConstraints(min_length=1)]


def partition_key(body: bytes) -> str:
    """Return the key for a body: its subject, so that a tenant usually has one writer.

    Without a subject it is the hash of the body; for a subject that is too long, its hash.
    """
    try:
        subject = _Envelope.model_validate_json(body).subject
    except ValidationError:
        return hashlib.sha256(body).hexdigest()
    if len(subject) <= MAX_KEY_CHARACTERS:
        return subject
    return hashlib.sha256(subject.encode()).hexdigest()


def check_key(key: str) -> None:
    """Raise RejectedEvent for a key that Event Hubs does not accept."""
    if not 1 <= len(key) <= MAX_KEY_CHARACTERS:
        raise RejectedEvent(
            Code.INVALID_FIELD,
            f"a partition key of {len(key)} characters: Event Hubs takes 1 to {MAX_KEY_CHARACTERS}",
        )
