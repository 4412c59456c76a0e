"""Spends: the amounts of a ledger that credit has to pay, by channel and time.

The charge of the ledger gives the amounts, its entries give the times. Usage is spent in order of
time up to the amount charged: if the charge is lower (an allowance, a tier), the last usage is
free; if it is higher (a fee, a tier), the difference is spent in the last instant of the period.
So are the lines that are no usage of the period: corrections, adjustments, shares.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from metering.core.basics.instants import Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import Period
from metering.core.credit.credit import CHANNELS, OpenSpend
from metering.core.credit.grant import Grant, Spend
from metering.core.ledger.chain import START, Position
from metering.core.ledger.head import Head
from metering.core.ledger.page import Page
from metering.core.prices.rating import amount_of

type Amounts = dict[str | None, Amount]
"""Amounts by channel."""
type _Line = tuple[str | None, Amount]
"""The channel and the amount of a line."""


def channel_of(channel: str | None) -> str | None:
    """Return a channel of CHANNELS; None for any other, which only grants for all channels pay."""
    return channel if channel in CHANNELS else None


def due_by_channel(lines: Iterable[_Line]) -> Amounts:
    """Return the sum of lines by channel, at least zero in total.

    A channel with a negative sum (free money, a correction) becomes zero, and the excess is
    deducted from the other channels in their order.
    """
    found: dict[str | None, Amount] = dict.fromkeys(CHANNELS, 0)
    for channel, amount in lines:
        found[channel_of(channel)] += amount
    free = sum(max(0, -amount) for amount in found.values())
    for channel in CHANNELS:
        due = max(0, found[channel])
        taken = min(free, due)
        free -= taken
        found[channel] = due - taken
    return found


class Due(NamedTuple):
    """The amounts of a statement that credit has to pay. Both have every channel of CHANNELS."""

    total: Amounts
    usage: Amounts
    """The part that usage of the period itself may come to, which is spent when it was used."""

    def beyond(self, unused: Mapping[str | None, Amount]) -> Amounts:
        """Return the amounts to pay in the last instant; `unused` is the rest of `usage`."""
        return {
            channel: amount - self.usage[channel] + unused[channel]
            for channel, amount in self.total.items()
        }


def due_of(own: Iterable[_Line], others: Iterable[_Line]) -> Due:
    """Return the amounts due for the lines of a period's own charge and all other lines.

    Lines below zero reduce the usage that is spent last.
    """
    own = list(own)
    charged, total = due_by_channel(own), due_by_channel([*own, *others])
    return Due(total, {channel: min(charged[channel], due) for channel, due in total.items()})


def taken_from(left: dict[str | None, Amount], used: Iterable[Spend]) -> Iterator[Spend]:
    """Yield usage up to the amount `left` in its channel, and deduct it there."""
    for spend in used:
        taken = min(spend.amount, left[spend.channel])
        if taken:
            left[spend.channel] -= taken
            yield spend._replace(amount=taken)


def spends_in(pages: Iterable[Page]) -> list[Spend]:
    """Return the final amounts of the entries of whole slots, in order of their time.

    `pages` are all pages of some slots, by number; a correction is in the slot of its entry.
    """
    latest = {entry.key: entry for page in pages for entry in page.entries}
    found = (
        (entry.time, key, entry.state)
        for key, entry in latest.items()
        if not entry.state.is_hold and entry.state.amount
    )
    return [
        Spend(time, channel_of(state.rate.channel), state.amount or 0)
        for time, _, state in sorted(found, key=lambda one: one[:2])
    ]


def open_spends(used: Sequence[OpenSpend], due: Due, period: Period) -> list[OpenSpend]:
    """Return spans of usage, in order of time as far as it is due, then the amounts beyond."""
    ends = {span.start: span.end for span in used}
    spends = (
        Spend(span.start, channel, amount)
        for span in used
        for channel, amount in span.amounts.items()
    )
    left = dict(due.usage)
    found: defaultdict[Instant, Amounts] = defaultdict(lambda: dict.fromkeys(CHANNELS, 0))
    for time, channel, amount in taken_from(left, spends):
        found[time][channel] += amount
    spans = [OpenSpend(start, ends[start], amounts) for start, amounts in found.items()]
    beyond = due.beyond(left)
    if any(beyond.values()):
        spans.append(OpenSpend(period.end - 1, period.end, beyond, is_settlement=True))
    return spans


def used_at_some_time(head: Head, period: Period, until: Instant) -> OpenSpend:
    """Return the usage in a head as one span that ends at `until` at the latest."""
    amounts: Amounts = dict.fromkeys(CHANNELS, 0)
    for rate, line in head.lines.items():
        amounts[channel_of(rate.channel)] += amount_of(rate, line.tokens) or 0
    return OpenSpend(period.start, max(period.start + 1, min(until, period.end)), amounts)


def cuts_in(period: Period, grants: Iterable[Grant]) -> tuple[Instant, ...]:
    """Return the instants inside a period at which a grant begins or ends."""
    times = {time for grant in grants for time in (grant.start, grant.end)}
    return tuple(sorted(time for time in times if period.start < time < period.end))


class UsedBySpan:
    """Sums the pages of a ledger by the spans between some instants of its period."""

    def __init__(self, period: Period, cuts: tuple[Instant, ...]) -> None:
        self.cuts = cuts
        self.through = START
        """The position of the last page that was added."""
        self._spans = list(pairwise((period.start, *cuts, period.end)))
        self._amounts: list[Amounts] = [dict.fromkeys(CHANNELS, 0) for _ in self._spans]

    def add(self, page: Page) -> None:
        """Add the amounts of the next page."""
        self.through = Position(page.number, page.hash)
        for entry in page.entries:
            amounts = self._amounts[bisect_right(self.cuts, entry.time)]
            for state, _, sign in entry.changes():
                if not state.is_hold:
                    amounts[channel_of(state.rate.channel)] += sign * (state.amount or 0)

    def spans(self) -> list[OpenSpend]:
        """Return the usage in each span, the earliest first."""
        spans = zip(self._spans, self._amounts, strict=True)
        return [OpenSpend(start, end, dict(amounts)) for (start, end), amounts in spans]
