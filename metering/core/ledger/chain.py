"""The chain of a ledger's pages: each has the next number and names the hash of the one before."""

from typing import Final, NamedTuple

from metering.core.basics.errors import LedgerBroken, LedgerLagError
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.page import GENESIS, Page


class Position(NamedTuple):
    """A position in a ledger: the number and hash of the last page up to it."""

    page: int = 0
    hash: str = GENESIS


#: The position before the first page.
START: Final = Position()


class Recorded(NamedTuple):
    """A position that something outside the ledger recorded: a statement, an anchor."""

    position: Position
    by: str


class Chain:
    """Follows the pages of one ledger and checks that each continues the one before it."""

    def __init__(self, ledger: LedgerId, since: Position = START) -> None:
        self.ledger = ledger
        self.position = since

    def fault(self, page: Page) -> str | None:
        """Move on to a page; return the reason if it does not continue the chain."""
        number, digest = self.position
        self.position = Position(page.number, page.hash)
        if page.number != number + 1:
            return f"page {number + 1} is missing: page {page.number} follows"
        if page.previous != digest:
            return f"page {page.number} does not follow the page before it"
        return None

    def follow(self, page: Page) -> None:
        """Move on to a page. Raises LedgerBroken if it does not continue the chain."""
        reason = self.fault(page)
        if reason is not None:
            raise LedgerBroken(str(self.ledger), reason)

    def require(self, through: Position) -> None:
        """Require that the pages reach a recorded position.

        Raises LedgerLagError if they end before it, and LedgerBroken if the page there has another
        hash. A chain that began beyond the position has nothing to compare.
        """
        number, digest = self.position
        if number < through.page:
            raise LedgerLagError(f"ledger {self.ledger}: page {number + 1} is not there yet")
        if number == through.page and digest != through.hash:
            reason = f"page {number} does not have the hash that was recorded for it"
            raise LedgerBroken(str(self.ledger), reason)
