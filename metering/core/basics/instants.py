"""Instants: integer microseconds since 1970-01-01T00:00:00Z, and their RFC 3339 form."""

from datetime import UTC, datetime, timedelta

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

type Instant = int
"""Microseconds since the epoch, UTC."""


class ZoneMissingError(ValueError):
    """A time without an offset, which does not denote an instant."""


def parse_instant(text: str) -> Instant:
    """Return an RFC 3339 time as an instant; digits beyond the microsecond are cut off.

    Raises ZoneMissingError for a time without an offset and ValueError for a malformed time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ZoneMissingError(f"{text!r} has no time zone: write it with Z or an offset")
    since = moment - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def instant_of(moment: datetime) -> Instant:
    """Return an aware datetime as an instant."""
    since = moment - _EPOCH
    return since.days * DAY + since.seconds * SECOND + since.microseconds


def to_datetime(instant: Instant) -> datetime:
    """Return an instant as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=instant)


def format_instant(instant: Instant) -> str:
    """Return an instant in RFC 3339, UTC, with a fraction only if it is not zero."""
    return to_datetime(instant).isoformat().removesuffix("+00:00") + "Z"
