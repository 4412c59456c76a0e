"""Waiting times and retention of the register of reported requests."""

from typing import Final

from metering.core.basics.instants import DAY, MINUTE, SECOND, Instant

PATIENCE: Final[Instant] = DAY
"""After this time an entry records that the counts are missing; later counts still correct it."""

REGISTER_TTL_S: Final = 8 * DAY // SECOND
"""Retention of a document of the register, from its filing.

Event Hubs Standard keeps an event for at most a week, so both an event and a log row that are still
to come find what was filed with the other. Removing must cost nothing: nobody comes back for it.
"""

RECOVERY_DELAY: Final[Instant] = 15 * MINUTE
"""Default of METERING_RECOVERY_DELAY: policy events arrive in seconds, logs in 3 to 10 minutes."""

SECOND_LOOK: Final[Instant] = 15 * MINUTE
"""A timer comes back to waiting log rows no sooner: what invocations were filing then is there."""
