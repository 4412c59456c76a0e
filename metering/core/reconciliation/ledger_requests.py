"""The requests of one ledger that are compared with the gateway's logs."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from metering.core.basics.instants import Instant
from metering.core.ledger.entry import Entry, State
from metering.core.ledger.page import Page
from metering.core.prices.price_book import TOKEN
from metering.core.reports.breakdown import day_of
from metering.core.usage.buckets import TOKENS
from metering.core.usage.evidence import counts_known

type Where = tuple[str, str | None]
"""Day and deployment."""


@dataclass(slots=True)
class Found:
    """The ledgers' state of a logged request."""

    where: Where
    state: State


class LedgerRequests:
    """The requests of one ledger: those that the logs have, and the sums of a span."""

    def __init__(self, logged: Collection[str]) -> None:
        """Look for `logged`, the ids of the logs' requests."""
        self._logged = logged
        self.found: dict[str, Found] = {}
        self.sums: defaultdict[Where, list[int]] = defaultdict(lambda: [0, 0])
        """Requests and tokens."""

    def add_page(self, page: Page, start: Instant, end: Instant) -> None:
        """Add the next page of the ledger.

        All requests in `[start, end)` count, and those outside it that the logs have.
        """
        day = day_of(page.slot)
        for entry in page.entries:
            if entry.state.rate.unit != TOKEN:
                continue
            if start <= entry.time < end or entry.id in self._logged:
                for state, _, sign in entry.changes():
                    self._count(day, state, sign)
            if entry.id in self._logged:
                self.found[entry.id] = Found((day, _deployment(entry)), entry.state)

    def _count(self, day: str, state: State, sign: int) -> None:
        if _is_counted(state):
            name = state.dimensions.deployment
            cell = self.sums[day, None if name is None else name.casefold()]
            cell[0] += sign
            cell[1] += sign * sum(state.buckets[TOKENS])


def _is_counted(state: State) -> bool:
    known = not state.is_hold and counts_known(state.evidence)
    return known and state.rate.unit == TOKEN and any(state.buckets)


def _deployment(entry: Entry) -> str | None:
    name = entry.state.dimensions.deployment
    return None if name is None else name.casefold()
