"""Instants: integer microseconds since 1970-01-01T00:00:00Z, and their RFC 3339 form."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

type Instant = int
"""Microseconds since the epoch, UTC."""


#: Texts that are kept: documents and reports repeat the starts of days, periods and prices.
_KEPT: Final = 4096
#: Characters of a malformed time that an error repeats.
_SHOWN: Final = 40


class ZoneMissingError(ValueError):
    """A time without an offset, which does not denote an instant."""


#: RFC 3339, section 5.6. `datetime` reads more: week dates, the basic format, commas, offsets with
#: seconds.
_RFC_3339: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:)([0-9]{2}(?:\.[0-9]+)?)"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: A leap second counts to the minute before it, and so to its day and period.
_LEAP: Final = "60"
_BEFORE_LEAP: Final = "59.999999"


def parse_instant(text: str) -> Instant:
    """Return an RFC 3339 time as an instant; digits beyond the microsecond are cut off.

    A leap second (`23:59:60`) is the last microsecond of its minute. Raises ZoneMissingError for a
    time without an offset, and ValueError for a malformed time and for one outside the years 1 to
    9999 in UTC.
    """
    found = _RFC_3339.fullmatch(text)
    if found is None and _DATE.fullmatch(text):
        raise _without_zone(text)
    if found is None:
        raise ValueError(f"{text[:_SHOWN]!r} is not an RFC 3339 time")
    day, minute, second, offset = found.groups()
    if second.startswith(_LEAP):
        second = _BEFORE_LEAP
    try:
        moment = datetime.fromisoformat(f"{day}T{minute}{second}{(offset or 'Z').upper()}")
    except ValueError as error:
        raise ValueError(f"{text!r} is not an RFC 3339 time: {error}") from None
    if offset is None:
        raise _without_zone(text)
    try:
        return instant_of(moment.astimezone(UTC))
    except OverflowError:
        raise ValueError(f"{text!r} is outside the years 1 to 9999 in UTC") from None


def _without_zone(text: str) -> ZoneMissingError:
    return ZoneMissingError(f"{text!r} has no time zone: write it with Z or an offset")


def instant_of(moment: datetime) -> Instant:
    """Return an aware datetime as an instant."""
    since = moment - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def to_datetime(instant: Instant) -> datetime:
    """Return an instant as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=instant)


@lru_cache(_KEPT)
def format_instant(instant: Instant) -> str:
    """Return an instant in RFC 3339, UTC, with a fraction only if it is not zero."""
    return to_datetime(instant).isoformat().removesuffix("+00:00") + "Z"
