"""Schedules of exports: the reports due for each hour, day, week or month (UTC)."""

from collections.abc import Collection, Sequence
from typing import Final, Literal, NamedTuple, cast, get_args

from metering.core.basics.errors import ConfigurationError
from metering.core.basics.instants import DAY, HOUR, MINUTE, Instant, format_instant, to_datetime
from metering.core.calendars.periods import month_of
from metering.core.exports.delivery_manifest import PROVISIONAL, Format, Window

Every = Literal["hourly", "daily", "weekly", "monthly"]

SETTING: Final = "METERING_EXPORT_SCHEDULE"
#: Delay between the end of a window and its delivery. Events are a minute or two late; later ones
#: are included when the window is delivered again.
DELAY: Final = 30 * MINUTE
#: Windows checked on each run: deliveries missed in an outage are caught up this far back.
LOOK_BACK: Final[dict[Every, int]] = {"hourly": 48, "daily": 35, "weekly": 13, "monthly": 13}
#: Weeks are those of ISO 8601: they begin on Monday and have the number of their Thursday's year.
_NAMES: Final[dict[Every, str]] = {
    "hourly": "%Y-%m-%dT%HZ",
    "daily": "%Y-%m-%dZ",
    "weekly": "%G-W%VZ",
    "monthly": "%Y-%mZ",
}
_OF_TENANT: Final = "@"
_OPTION: Final = ":"
#: What may follow the colons, in any order.
_OPTIONS: Final = (*get_args(Format), PROVISIONAL)
#: The first instant of 1970 is on a Thursday: weeks begin four days later, on a Monday.
_FIRST_MONDAY: Final = 4 * DAY


class Scheduled(NamedTuple):
    """A report and the kind of windows for which it is delivered."""

    kind: str
    every: Every
    tenant: str | None = None
    """None for all tenants."""
    format: Format = "csv"
    is_provisional: bool = False
    """Whether it is of the periods that are not closed, replaced as often as the windows end."""

    def __str__(self) -> str:
        """Return the report as a schedule names it: `focus@acme=weekly:parquet:provisional`."""
        of = "" if self.tenant is None else f"{_OF_TENANT}{self.tenant}"
        form = "" if self.format == "csv" else f"{_OPTION}{self.format}"
        how = f"{_OPTION}{PROVISIONAL}" if self.is_provisional else ""
        return f"{self.kind}{of}={self.every}{form}{how}"


def read_schedule(text: str, kinds: Collection[str]) -> tuple[Scheduled, ...]:
    """Return the schedule in a setting like `chargeback=daily:parquet,focus@acme=weekly`.

    `kinds` are the known reports. A report may be both hourly and daily, but not twice the same.
    Raises ConfigurationError naming the part that is wrong.
    """
    found: list[Scheduled] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        scheduled = _read(part, kinds)
        if scheduled in found:
            raise ConfigurationError(f"{SETTING}: {part!r} is listed twice")
        found.append(scheduled)
    return tuple(found)


def _read(part: str, kinds: Collection[str]) -> Scheduled:
    report, equals, rest = (piece.strip() for piece in part.partition("="))
    every, *options = (piece.strip() for piece in rest.split(_OPTION))
    if not equals or every not in get_args(Every):
        values = ", ".join(f"REPORT={one}" for one in get_args(Every))
        raise ConfigurationError(f"{SETTING}: {part!r} is none of {values}")
    kind, of, tenant = (piece.strip() for piece in report.partition(_OF_TENANT))
    if kind not in kinds:
        known = ", ".join(sorted(kinds))
        raise ConfigurationError(f"{SETTING}: {part!r}: unknown report {kind!r}: {known}")
    if of and not tenant:
        raise ConfigurationError(f"{SETTING}: {part!r}: no tenant after {_OF_TENANT!r}")
    form, is_provisional = _options(part, options)
    return Scheduled(kind, cast("Every", every), tenant or None, form, is_provisional)


def _options(part: str, options: Sequence[str]) -> tuple[Format, bool]:
    """Return the format, and whether the report is provisional."""
    for option in options:
        if option not in _OPTIONS:
            known = ", ".join(_OPTIONS)
            raise ConfigurationError(f"{SETTING}: {part!r}: unknown option {option!r}: {known}")
    forms = [option for option in options if option != PROVISIONAL]
    if len(forms) > 1 or options.count(PROVISIONAL) > 1:
        raise ConfigurationError(f"{SETTING}: {part!r}: one format at most, and an option once")
    form = next(iter(forms), "csv")
    return cast("Format", form), PROVISIONAL in options


def windows_ended(every: Every, at: Instant, count: int) -> list[Window]:
    """Return the last `count` windows that end at `at` or before, the earliest first."""
    found: list[Window] = []
    end = _start(every, at)
    for _ in range(count):
        start = _start(every, end - 1)
        found.append(Window(_name(every, start), (start, end)))
        end = start
    return found[::-1]


def span_window(start: Instant, end: Instant) -> Window:
    """Return the window `[start, end)`. Raises ConfigurationError if it is empty."""
    if start >= end:
        raise ConfigurationError(
            f"from {format_instant(start)} to {format_instant(end)}: ends before it begins"
        )
    names = (format_instant(one).replace("-", "").replace(":", "") for one in (start, end))
    return Window("--".join(names), (start, end))


def _start(every: Every, at: Instant) -> Instant:
    if every == "monthly":
        return month_of(at).start
    if every == "weekly":
        return at - (at - _FIRST_MONDAY) % (7 * DAY)
    return at - at % (HOUR if every == "hourly" else DAY)


def _name(every: Every, start: Instant) -> str:
    """Return a name with a Z, so that it differs from the name of a tenant's own period."""
    return to_datetime(start).strftime(_NAMES[every])
