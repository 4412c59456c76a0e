"""Times in requests: RFC 3339, or a date."""

import re
from typing import Annotated, Final

from fastapi import Query

from metering.api.problems import Problem
from metering.core.basics.instants import Instant
from metering.core.calendars.calendars import calendar_instant

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MAX: Final = 64

From = Annotated[
    str | None,
    Query(
        alias="from",
        max_length=_MAX,
        description="When it takes effect. Default: now; a new record applies from the beginning.",
        examples=["2026-12-01T00:00:00Z"],
    ),
]


def instant_in(text: str | None, field: str) -> Instant | None:
    """Return an optional time. A date means its start in UTC. Problems name the field."""
    if text is None:
        return None
    try:
        return calendar_instant(f"{text}T00:00:00Z" if _DAY.fullmatch(text) else text)
    except ValueError:
        message = "must be a time such as 2026-11-20T12:00:00Z or a date such as 2026-11-20"
        fault = {"field": field, "message": message}
        raise Problem(422, f"{field}: {message}", errors=[fault]) from None
