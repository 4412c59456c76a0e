"""The stop rule: a batch that is mostly unreadable means a bad deploy, not bad events."""

from collections.abc import Iterable
from typing import Final

from metering.core.basics.errors import UNREADABLE, Code
from metering.core.basics.instants import MINUTE, Instant

MIN_UNREADABLE: Final = 20
"""Fewer unreadable events than this never stop a batch."""
LONGEST_STOP: Final[Instant] = 15 * MINUTE
"""After this the batch is dead-lettered, so that its partition continues."""


def is_bad_deploy(codes: Iterable[Code], batch_size: int) -> bool:
    """Return whether more than half of a batch, and at least 20 events, are unreadable."""
    unreadable = sum(code in UNREADABLE for code in codes)
    return unreadable >= MIN_UNREADABLE and 2 * unreadable > batch_size
