"""Pending halves: how long a stream's identity waits for its counts, and how long it is kept."""

from typing import Final

from metering.core.instants import DAY, MINUTE, SECOND, Instant

PATIENCE: Final[Instant] = DAY
"""Then an entry says that the counts are missing; later counts still correct it."""

SETTLED_TTL_S: Final = 7 * DAY // SECOND
"""A settled half is kept for a week, so that a late log row still finds it. Never an open one."""

LOG_TTL_S: Final = SETTLED_TTL_S
"""What logs say of a request is kept for a week from its arrival: nobody need ever come for it.

Nearly every final request leaves such a half, so letting go of it must cost nothing. A hub keeps an
event for a week at most (Event Hubs Standard), so an identity still to come comes within that time.
"""

RECOVERY_DELAY: Final[Instant] = 15 * MINUTE
"""Unless the settings say otherwise: policies' events take seconds, the log 3 to 10 minutes."""
