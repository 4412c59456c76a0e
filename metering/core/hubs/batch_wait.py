"""The wait at the end of a batch: the next batch is larger, so commits are fewer and cheaper.

docs/sizing.md says what it saves and costs, from `python -m benchmarks --batches`.
"""

from typing import Final

from metering.core.basics.instants import SECOND, Instant

DEFAULT_WAIT: Final[Instant] = 2 * SECOND
"""Default of METERING_BATCH_WAIT over Cosmos DB."""

LONGEST_WAIT: Final[Instant] = 10 * SECOND
"""Most that it may be: balances are as old as it, and so much more passes a limit."""

ENOUGH_EVENTS: Final = 200
"""After a batch of so many there is no wait: it made large commits, and more may be queued."""


def wait_after(events: int, idle: Instant | None, longest: Instant) -> Instant:
    """Return how long to wait after a batch, in microseconds: at most `longest`.

    `idle` is the time from the batch before it in the same partition; None for the first one. If it
    is half the wait or more, hardly an event would come: waiting would only cost run time. The wait
    falls evenly with the size of the batch.
    """
    if idle is None or 2 * idle >= longest:
        return 0
    return longest * max(0, ENOUGH_EVENTS - events) // ENOUGH_EVENTS
