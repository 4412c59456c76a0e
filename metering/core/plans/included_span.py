"""The hours whose provisioned cost quotas include."""

from collections.abc import Iterable
from typing import Final

from metering.core.basics.instants import DAY, Instant
from metering.core.calendars.periods import Period
from metering.core.calendars.windows import Window
from metering.core.plans.quota import Quota

#: The longest window, a year, and what a leap day and a time zone add to it.
_LONGEST: Final[Instant] = 367 * DAY


def span_included(quotas: Iterable[Quota], period: Period) -> Window | None:
    """Return the hours whose cost quotas include; None if none of them does."""
    windows = {quota.window for quota in quotas if quota.include_provisioned}
    if not windows:
        return None
    start = period.start if windows == {"period"} else period.end - _LONGEST
    return Window(start, period.end)
