"""Entity tags (RFC 9110, 13): of editable resources, and of answers that are read again."""

import hashlib
import re
from typing import Annotated, Any, Final

from fastapi import Header, Response

from metering import bootstrap
from metering.api.problems import Problem
from metering.core.tenancy.record import RecordKind

_TAG: Final = re.compile(r'\s*(W/)?"([^"]*)"\s*')

IfMatch = Annotated[
    str | None,
    Header(
        max_length=1_024,
        description="The ETag of the resource as it was read. Not needed for a new resource.",
        examples=['"r7"'],
    ),
]


#: The response to a request whose If-None-Match matches, for the OpenAPI document.
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The answer is the one with the tag in If-None-Match."}
}

IfNoneMatch = Annotated[
    str | None,
    Header(
        max_length=1_024,
        description="The ETag of an earlier answer: 304 without a body if it is the same.",
    ),
]


def tag(response: Response, app: bootstrap.App, kind: RecordKind, key: str) -> None:
    """Set the ETag of a resource on a response."""
    response.headers["ETag"] = _tag(app.tenancy.directory.revision(kind, key))


def expected_revision(
    app: bootstrap.App, kind: RecordKind, key: str, if_match: str | None, *, exists: bool
) -> int:
    """Return the revision that a change is based on.

    Raises 428 if the resource exists and the request has no If-Match, and 412 if the tag does not
    match. The revision is compared again when the change is recorded.
    """
    found = app.tenancy.directory.revision(kind, key)
    if if_match is None:
        if exists:
            raise Problem(428, "Send the ETag of the resource in If-Match.")
        return found
    if not exists or (if_match.strip() != "*" and _tag(found) not in _tags(if_match)):
        raise Problem(412, "The resource has changed; fetch it again.")
    return found


def tag_of(*content: object) -> str:
    """Return a weak tag for an answer that is made of `content`, and of nothing else that matters.

    Weak: parts that name the time of reading differ between equal answers.
    """
    return f'W/"{hashlib.sha256(repr(content).encode()).hexdigest()[:32]}"'


def matches(if_none_match: str | None, tag: str) -> bool:
    """Say whether the caller has the answer with a tag; the comparison is weak."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    opaque = tag.removeprefix("W/")
    return opaque in [part.strip().removeprefix("W/") for part in if_none_match.split(",")]


def _tag(revision: int) -> str:
    return f'"r{revision}"'


def _tags(header: str) -> list[str]:
    """Return the strong tags of a header. Weak tags never match."""
    found = [_TAG.fullmatch(part) for part in header.split(",")]
    return [f'"{one[2]}"' for one in found if one is not None and one[1] is None]
