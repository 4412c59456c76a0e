"""Pending halves: how long a stream's identity waits for its counts, and how long it is kept."""

from typing import Final

from metering.core.instants import DAY, SECOND, Instant

PATIENCE: Final[Instant] = DAY
"""Then an entry says that the counts are missing; later counts still correct it."""

SETTLED_TTL_S: Final = 7 * DAY // SECOND
"""A settled half is kept for a week, so that a late log row still finds it. Never an open one."""
