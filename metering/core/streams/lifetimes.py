"""Waiting times and retention of the partial records of a request."""

from typing import Final

from metering.core.basics.instants import DAY, MINUTE, SECOND, Instant

PATIENCE: Final[Instant] = DAY
"""After this time an entry records that the counts are missing; later counts still correct it."""

SETTLED_TTL_S: Final = 7 * DAY // SECOND
"""Retention of a settled partial record, so that a late log row still finds it.

An unsettled record has no expiry.
"""

LOG_TTL_S: Final = SETTLED_TTL_S
"""Retention of a log row, from its arrival; the other partial record may never arrive.

Nearly every final request leaves such a row, so removing it must cost nothing. Event Hubs Standard
keeps an event for at most a week, so a request record that is still to come arrives in that time.
"""

RECOVERY_DELAY: Final[Instant] = 15 * MINUTE
"""Default of METERING_RECOVERY_DELAY: policy events arrive in seconds, logs in 3 to 10 minutes."""
