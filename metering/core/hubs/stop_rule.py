"""The stop rule: a batch that is mostly unreadable means a bad deploy, not bad events."""

from collections.abc import Iterable
from typing import Final

from metering.core.basics.errors import UNREADABLE, Code
from metering.core.basics.instants import MINUTE, Instant

MIN_UNREADABLE: Final = 20
"""Fewer than this are a few bad events, whatever their share."""
LONGEST_STOP: Final[Instant] = 15 * MINUTE
"""Then the batch is dead-lettered all the same, so that its partition goes on."""


def is_bad_deploy(codes: Iterable[Code], batch_size: int) -> bool:
    """Say whether more than half of a batch, and at least 20 events, cannot even be read."""
    unreadable = sum(code in UNREADABLE for code in codes)
    return unreadable >= MIN_UNREADABLE and 2 * unreadable > batch_size
