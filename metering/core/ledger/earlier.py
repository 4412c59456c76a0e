"""Earlier ledgers: how far their pages are counted in windows that began before a ledger.

A week, quarter or year has usage of several ledgers. The first commit of a ledger takes over the
counters of the ledger before. Pages that earlier ledgers get later are counted by the timer
`enforce_quotas`, which writes the counters and these positions in one page. So every page counts
once, and the head alone tells what the whole window has used.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from metering.core.basics.instants import MINUTE, Instant

#: Commits of the ledger before may end that much later than its period, and clocks differ.
SETTLED: Final[Instant] = MINUTE


class Earlier(NamedTuple):
    """The positions in earlier ledgers up to which a ledger counts their pages."""

    at: Instant = 0
    """When they were last read; zero before the first time."""
    pages: Mapping[Instant, int] = MappingProxyType({})
    """By the start of a ledger, how many of its pages are counted."""


NONE_EARLIER: Final = Earlier()
