"""Entity tags of what can be edited: the number of the last decision on it (RFC 9110, 13)."""

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
        description="The ETag that was read with what is changed here; not for what is new.",
        examples=['"r7"'],
    ),
]


def tag(response: Response, app: bootstrap.App, kind: RecordKind, key: str) -> None:
    """Put the tag of what is shown into an answer."""
    response.headers["ETag"] = _tag(app.tenancy.directory.revision(kind, key))


def expected_revision(
    app: bootstrap.App, kind: RecordKind, key: str, if_match: str | None, *, exists: bool
) -> int:
    """Return the revision that a change is made on: for what is new, none.

    Raises the problem 428 where something exists and the change does not say which version of it
    was seen, and 412 where it was another one. Whoever records the change compares once more.
    """
    found = app.tenancy.directory.revision(kind, key)
    if if_match is None:
        if exists:
            raise Problem(428, "Send the ETag of what you saw in If-Match.")
        return found
    if not exists or (if_match.strip() != "*" and _tag(found) not in _tags(if_match)):
        raise Problem(412, "It is not what you saw: look again.")
    return found


def _tag(revision: int) -> str:
    return f'"r{revision}"'


def _tags(header: str) -> list[str]:
    """Return the strong tags of a header: weak ones never match here."""
    found = [_TAG.fullmatch(part) for part in header.split(",")]
    return [f'"{one[2]}"' for one in found if one is not None and one[1] is None]
