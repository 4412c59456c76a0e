"""Evidence: how well the counts of an entry are known. A higher rank replaces a lower one."""

from enum import IntEnum


class Evidence(IntEnum):
    """The ranks, weakest first; entries store the number."""

    HELD = 0
    """A stream has begun: an estimate that counts towards quotas, never on a statement."""
    ABSENT = 1
    """The gateway saw the request and no counts."""
    MISSING = 2
    """Counts were awaited and never came."""
    ESTIMATED = 3
    RECOVERED = 4
    """Totals from the gateway's logs, for a request that no policy reported."""
    TOTALS = 5
    """Totals only: no cached, reasoning or cache-write detail."""
    FULL = 6
    """The provider's own usage object."""
    AGGREGATE = 7
    """A sum over many requests, by a platform's own counter. A later revision replaces it."""


def counts_known(evidence: Evidence) -> bool:
    """Say whether an entry of this rank has real counts (a hold has only an estimate)."""
    return evidence >= Evidence.ESTIMATED
