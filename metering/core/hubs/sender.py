"""Senders: who sent a body, as far as a body that is not an event tells."""

from typing import Any, Final, NamedTuple

from pydantic_core import from_json

#: Longer bodies are not parsed for the name of their sender, and longer names are cut.
_MAX_BODY_BYTES: Final = 1_048_576
_MAX_NAME: Final = 256


class Sender(NamedTuple):
    """The source of a body and the subject it is about; empty if the body names none."""

    source: str = ""
    subject: str = ""


UNNAMED: Final = Sender()


def sender_of(body: bytes) -> Sender:
    """Return the sender that a body names: a CloudEvent, or a log of Azure Monitor.

    It never raises: a body that cannot be read, or not up to its names, is from `UNNAMED`.
    """
    if len(body) > _MAX_BODY_BYTES:
        return UNNAMED
    try:
        found = from_json(body, allow_partial=True)
    except ValueError:
        return UNNAMED
    if isinstance(found, dict) and isinstance(found.get("records"), list):
        found = found["records"]
    if isinstance(found, list):
        found = found[0] if found else None
    return _named(found) if isinstance(found, dict) else UNNAMED


def _named(found: dict[str, Any]) -> Sender:
    lowered = {name.lower(): value for name, value in found.items()}
    source = lowered.get("source") or lowered.get("resourceid") or lowered.get("_resourceid")
    return Sender(_name(source).lower(), _name(lowered.get("subject")))


def _name(value: object) -> str:
    return value[:_MAX_NAME] if isinstance(value, str) else ""
