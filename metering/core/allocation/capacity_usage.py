"""Usage of capacity: weighted tokens by hour and tenant, from the pages of ledgers."""

from collections import defaultdict
from collections.abc import Collection
from math import sumprod
from typing import Final, NamedTuple

from metering.core.allocation.allocation import Counted, HourlyTokens
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.instants import HOUR, Instant
from metering.core.basics.money import MULTIPLIER_DECIMALS
from metering.core.calendars.dated import BEGINNING
from metering.core.calendars.periods import LedgerId, Period, slot_start
from metering.core.ledger.chain import START, Position
from metering.core.ledger.entry import State
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.usage.buckets import TOKEN_BUCKETS

#: On a hosted model every token weighs the same, in 10^-6; a quantity of no tokens weighs nothing.
_EVERY_TOKEN: Final = (*(10**MULTIPLIER_DECIMALS for _ in TOKEN_BUCKETS), 0)


def capacities_in(head: Head) -> set[str]:
    """Return the deployments paid by the hour that a ledger used, in lower case."""
    return {rate.capacity.casefold() for rate in head.lines if rate.capacity is not None}


class LedgerUsage:
    """Sums the pages of one ledger, from the first on, corrections included."""

    def __init__(self, ledger: LedgerId, month: Period, places: Collection[str]) -> None:
        """Count the usage of `places`, the keys of deployments in lower case."""
        self.ledger = ledger
        self.through = START
        """The position of the last page that was added."""
        self.tokens: defaultdict[tuple[str, Instant], int] = defaultdict(int)
        """Weighted, in 10^-6, by deployment and hour."""
        self.last: Instant = BEGINNING
        """The latest hour that was counted."""
        self._month = month
        self._places = places

    def add(self, page: Page) -> None:
        """Add the usage of one page."""
        self.through = Position(page.number, page.hash)
        # A slot lies within one hour, and so do the times of a page's entries.
        start = slot_start(page.slot)
        if not self._month.start <= start < self._month.end:
            return
        hour = start // HOUR * HOUR
        self.last = max(self.last, hour)
        for entry in page.entries:
            for state, _, sign in entry.changes():
                self._count(hour, state, sign)

    def _count(self, hour: Instant, state: State, sign: int) -> None:
        weights, capacity = state.rate.weights or _EVERY_TOKEN, state.rate.capacity
        if capacity is None or state.is_hold or not state.is_billable:
            return
        place = capacity.casefold()
        if place in self._places:
            # sumprod of integers is an exact integer; its stub says float.
            tokens: int = sumprod(state.buckets, weights)  # type: ignore[assignment]
            self.tokens[place, hour] += sign * tokens

    def check(self) -> None:
        """Raise LedgerBroken if corrections took away more than was used."""
        if any(tokens < 0 for tokens in self.tokens.values()):
            raise LedgerBroken(str(self.ledger), "its usage of capacity is negative")


class LeftOut(NamedTuple):
    """A ledger that cannot be read to its end, as far as it was counted."""

    usage: LedgerUsage
    reason: str


class CapacityUsage:
    """The usage of deployments in one month, from any number of ledgers in any order."""

    def __init__(self) -> None:
        self._tokens: defaultdict[str, defaultdict[Instant, defaultdict[str, int]]] = defaultdict(
            lambda: defaultdict(lambda: defaultdict(int))
        )
        self._counted: defaultdict[str, list[Counted]] = defaultdict(list)
        self._left_out: defaultdict[str, list[LeftOut]] = defaultdict(list)

    def add(self, usage: LedgerUsage, places: Collection[str]) -> None:
        """Add a ledger, as counted for these deployments."""
        usage.check()
        self._add(usage, places)

    def _add(self, usage: LedgerUsage, places: Collection[str]) -> None:
        for place in places:
            self._counted[place].append(Counted(usage.ledger, *usage.through))
        for (place, hour), tokens in usage.tokens.items():
            self._tokens[place][hour][usage.ledger.tenant] += max(0, tokens)

    def leave_out(self, usage: LedgerUsage, places: Collection[str], reason: str) -> None:
        """Add what is known of a ledger that cannot be read to its end."""
        self._add(usage, places)
        for place in places:
            self._left_out[place].append(LeftOut(usage, reason))

    def left_out(self, place: str) -> list[LeftOut]:
        """Return the ledgers that may have used a deployment and cannot be read to their end."""
        return self._left_out[place]

    def tokens(self, place: str) -> HourlyTokens:
        """Return the weighted tokens of a deployment by hour and tenant.

        Ledgers that are left out keep their part: from its last hour on, such a ledger is taken to
        use what it used beside the others until then. So their shares do not grow because it cannot
        be read.
        """
        tokens, left_out = self._tokens[place], self._left_out[place]
        absent = {one.usage.ledger.tenant for one in left_out}
        others = {
            hour: sum(number for tenant, number in of.items() if tenant not in absent)
            for hour, of in tokens.items()
        }
        found = {hour: dict(of) for hour, of in tokens.items()}
        for usage, _ in left_out:
            tenant = usage.ledger.tenant
            beside = sum(number for hour, number in others.items() if hour <= usage.last)
            used = sum(of.get(tenant, 0) for hour, of in tokens.items() if hour <= usage.last)
            for hour, number in others.items() if beside else ():
                if hour >= usage.last:
                    carried = number * used // beside
                    found[hour][tenant] = max(carried, found[hour].get(tenant, 0))
        return found

    def counted(self, place: str) -> list[Counted]:
        """Return the ledgers that were counted for a deployment."""
        return self._counted[place]
