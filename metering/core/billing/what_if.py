"""Compare the cost of a ledger's usage with its cost under other terms."""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.ledger.entry import Entry, State, expected_amount
from metering.core.ledger.head import NOTHING, RateTotals, totals_of
from metering.core.ledger.names import Rating
from metering.core.ledger.page import Page
from metering.core.ledger.rerating import as_usage
from metering.core.prices.rating import Rate, amount_of

type Totals = dict[Rate, RateTotals]


class Comparison(NamedTuple):
    """The usage of one model and both its costs; None for a cost without any price."""

    model: str | None
    instead: str | None
    """The model under which the other terms price it."""
    line: RateTotals
    amount: int | None
    other: RateTotals
    other_amount: int | None


class WhatIf:
    """Sums pages under the rates that they carry, and under others.

    Holds are estimates and do not count; neither do outcomes. A correction removes the state that
    it supersedes from both sums.
    """

    def __init__(self, rate: Rating, now: Instant) -> None:
        self._rate = rate
        self._now = now
        self._lines: defaultdict[tuple[Rate, Rate], tuple[RateTotals, RateTotals]] = defaultdict(
            lambda: (NOTHING, NOTHING)
        )

    def add(self, page: Page) -> None:
        """Add the usage of one page."""
        for entry in page.entries:
            for state, _, sign in entry.changes():
                self._count(entry, state, sign)

    def _count(self, entry: Entry, state: State, sign: int) -> None:
        if not state.is_usage:
            return
        usage = as_usage(entry._replace(state=state), self._now)
        rate, amount = self._rate(usage, entry.time)
        other = state._replace(rate=rate, amount=amount)
        other = other._replace(amount=expected_amount(other))
        key = (state.rate, rate)
        before = self._lines[key]
        self._lines[key] = (
            before[0].plus(totals_of(state, sign)),
            before[1].plus(totals_of(other, sign)),
        )

    def totals(self) -> tuple[Totals, Totals]:
        """Return the totals by rate: actual, and under the other terms."""
        actual: Totals = {}
        other: Totals = {}
        for (rate, instead), (line, alternative) in self._lines.items():
            _add(actual, rate, line)
            _add(other, instead, alternative)
        return actual, other

    def comparisons(self) -> list[Comparison]:
        """Return both sides by model, the highest cost first."""
        pairs: defaultdict[tuple[str | None, str | None], tuple[Totals, Totals]] = defaultdict(
            lambda: ({}, {})
        )
        for (rate, instead), (line, alternative) in self._lines.items():
            actual, other = pairs[rate.model, instead.model]
            _add(actual, rate, line)
            _add(other, instead, alternative)
        found = [
            Comparison(model, instead, *_sum(actual), *_sum(other))
            for (model, instead), (actual, other) in pairs.items()
            if any(line != NOTHING for line in actual.values())
        ]
        return sorted(
            found, key=lambda one: (-(one.amount or 0), one.model or "", one.instead or "")
        )


def _add(totals: Totals, rate: Rate, line: RateTotals) -> None:
    totals[rate] = totals.get(rate, NOTHING).plus(line)


def _sum(totals: Mapping[Rate, RateTotals]) -> tuple[RateTotals, int | None]:
    total, amount = NOTHING, 0
    for rate, line in totals.items():
        total = total.plus(line)
        amount += amount_of(rate, line.tokens) or 0
    return total, None if total.is_unknown else amount
