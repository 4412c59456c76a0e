"""Entity tags of editable resources: the number of the last decision (RFC 9110, 13)."""

import re
from typing import Annotated, Final

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


def _tag(revision: int) -> str:
    return f'"r{revision}"'


def _tags(header: str) -> list[str]:
    """Return the strong tags of a header. Weak tags never match."""
    found = [_TAG.fullmatch(part) for part in header.split(",")]
    return [f'"{one[2]}"' for one in found if one is not None and one[1] is None]
