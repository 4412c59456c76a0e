"""The time a batch waits for one ledger while it commits to others."""

from dataclasses import dataclass, field

from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.hubs.stop_rule import LONGEST_STOP


@dataclass(slots=True)
class Patience:
    """Remembers since when the commits to a ledger fail, and when any other succeeded.

    A fault whose owner is not known is retried with its batch. If it concerns one ledger only and
    for longer than LONGEST_STOP, it is that ledger's, and its events are parked.
    """

    _since: dict[LedgerId, Instant] = field(init=False, default_factory=dict)
    _well: Instant = field(init=False, default=0)

    def succeeded(self, ledger: LedgerId, now: Instant) -> None:
        """Note a commit."""
        self._well = max(self._well, now)
        self._since.pop(ledger, None)

    def is_over(self, ledger: LedgerId, now: Instant) -> bool:
        """Note a failed commit; say whether the fault is the ledger's own."""
        since = self._since.setdefault(ledger, now)
        return now - since >= LONGEST_STOP and self._well > since
