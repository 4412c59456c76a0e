"""Work on many ledgers or tenants, one by one: the fault of one keeps no other waiting."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from metering.core.basics.errors import (
    InvariantBroken,
    LedgerLagError,
    MeteringError,
    RetryableError,
)
from metering.ports import Alerts

#: Faults in a row that nobody in particular owns: then the store itself is out of reach.
MAX_UNKNOWN: Final = 3


class OneByOne:
    """Sorts the faults of work by their owner.

    A ledger that is broken, full or too large raises an alert and is left out. One whose pages
    cannot be read yet is left out until the next run. A fault of nobody in particular is raised at
    the end, or at once after MAX_UNKNOWN in a row.
    """

    def __init__(self, alerts: Alerts | None = None) -> None:
        """Without alerts, whoever asked is told: by `left_out`."""
        self._alerts = alerts
        self._unknown: RetryableError | None = None
        self._in_a_row = 0
        self._done = 0
        self.left_out: dict[str, MeteringError] = {}
        """By name, why it was left out."""

    @contextmanager
    def about(self, name: object) -> Iterator[None]:
        """Do the work of one ledger or tenant in the body; it ends early with a fault."""
        try:
            yield
        except InvariantBroken as fault:
            told = map(str, self.left_out.values())
            if self._alerts is not None and str(fault) not in told:
                text = str(fault) if str(name) in str(fault) else f"ledger {name}: {fault}"
                self._alerts.alert(text, "ledger")
            self.left_out[str(name)] = fault
        except LedgerLagError as fault:
            self.left_out[str(name)] = fault
        except RetryableError as fault:
            self._unknown = self._unknown or fault
            self._in_a_row += 1
            if self._in_a_row >= MAX_UNKNOWN:
                raise
        else:
            self._in_a_row = 0
            self._done += 1

    def settle(self) -> None:
        """Raise the first fault that nobody in particular owns, if there was one."""
        if self._unknown is not None:
            raise self._unknown

    def must_have_some(self) -> None:
        """Raise as `settle` does, or the first fault if nothing at all could be done."""
        self.settle()
        if self.left_out and not self._done:
            raise next(iter(self.left_out.values()))
