"""`metering normalize`: convert providers' usage objects to disjoint buckets."""

import json
import sys
from typing import Final

from pydantic import ValidationError
from pydantic_core import from_json

from metering.core.basics.errors import Code, RejectedEvent
from metering.core.usage.buckets import by_name
from metering.core.usage.provider_usage import ProviderUsage, disjoint_buckets

#: The fields in which a response, or the last event of a stream, wraps its usage.
_WRAPPERS: Final = ("response", "message")


def normalize() -> None:
    """Read one usage object or whole response per line; print its non-zero buckets.

    For a line that cannot be read, print {"error": code} in its place. The exit status is still 0.

    Example:  echo '{"prompt_tokens": 10, "completion_tokens": 2}' | metering normalize
    """
    for line in sys.stdin.buffer:
        if line.strip():
            sys.stdout.write(json.dumps(_answer(line)) + "\n")
            sys.stdout.flush()


def _answer(line: bytes) -> dict[str, int] | dict[str, str]:
    try:
        return by_name(disjoint_buckets(_usage(line)))
    except RejectedEvent as why:
        return {"error": str(why.code)}


def _usage(line: bytes) -> ProviderUsage:
    try:
        given = from_json(line)
    except ValueError:
        raise RejectedEvent(Code.NOT_JSON, "the line is not JSON") from None
    return provider_usage(given)


def provider_usage(given: object) -> ProviderUsage:
    """Return the usage in a usage object or a whole response. Raises RejectedEvent."""
    found = given
    if isinstance(found, dict):
        for wrapper in _WRAPPERS:
            if "usage" not in found and isinstance(found.get(wrapper), dict):
                found = found[wrapper]
        found = found.get("usage", found) if isinstance(found, dict) else found
    if found is None:
        raise RejectedEvent(Code.USAGE_MISSING, "usage is null")
    try:
        return ProviderUsage.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in ("usage", *first["loc"]))
        raise RejectedEvent(Code.USAGE_INVALID, f"{place}: {first['msg']}") from None
