"""The stop rule: a source whose events are mostly unreadable means a bad deploy, not bad events."""

from collections import Counter
from typing import Final

from metering.core.basics.instants import MINUTE, Instant

MIN_UNREADABLE: Final = 20
"""Fewer unreadable events than this never stop a source."""
LONGEST_STOP: Final[Instant] = 15 * MINUTE
"""After this the batch is dead-lettered, so that its partition continues. A process that has read
another source within this time is not the bad deploy, and holds nothing."""


def stopped_sources(readable: Counter[str], unreadable: Counter[str]) -> frozenset[str]:
    """Return the sources of which more than half, and at least 20 events, are unreadable."""
    return frozenset(
        source
        for source, number in unreadable.items()
        if number >= MIN_UNREADABLE and number > readable[source]
    )
