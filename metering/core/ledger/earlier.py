"""Earlier ledgers: how far their pages are counted in windows that began before a ledger.

A week, quarter or year has usage of several ledgers. The first commit of a ledger takes over the
counters of the ledger before. Pages that earlier ledgers get later are counted by the timer
`enforce_quotas`, which writes the counters and these positions in one page. So every page counts
once, and the head alone tells what the whole window has used.

A new quota needs the pages from before it was set. The timer reads a bounded number of them in a
run, from the present ledger back to the first, and goes on from the quota's place in the next run.
Until then the quota is enforced on what is known.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.basics.instants import MINUTE, Instant

#: Commits of the ledger before may end that much later than its period, and clocks differ.
SETTLED: Final[Instant] = MINUTE


class Place(NamedTuple):
    """The pages that a new quota does not count yet: the rest of one ledger, and all before it."""

    start: Instant
    """Of the ledger that is being counted; in later ones it is counted as far as the others."""
    page: int
    """The last page of it that is counted."""
    through: int
    """The last page of it that is to be counted; those after it are counted as they come."""


class Earlier(NamedTuple):
    """The positions in earlier ledgers up to which a ledger counts their pages."""

    at: Instant = 0
    """When they were last read; zero before the first time."""
    pages: Mapping[Instant, int] = MappingProxyType({})
    """By the start of a ledger, how many of its pages are counted."""
    behind: Mapping[str, Place] = MappingProxyType({})
    """By the key of a quota that is not counted as far as the others, its place."""
    cut: frozenset[Instant] = frozenset()
    """The starts of ledgers that had more late pages than a run counts."""


NONE_EARLIER: Final = Earlier()
