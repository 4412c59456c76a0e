"""The head of a ledger: running totals, which folding its pages reproduces exactly."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from operator import add
from typing import Final, NamedTuple

from metering.core.basics.instants import HOUR, Instant
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId, Slot
from metering.core.ledger.chain import Chain, Position
from metering.core.ledger.counts import NO_COUNTS, Counts, changed, counted, lapse_of
from metering.core.ledger.entry import Basis, Entry, Kind, State
from metering.core.ledger.limits import Holds
from metering.core.ledger.page import GENESIS, NOTHING_ELSE, Diagnostics, Page
from metering.core.ledger.thresholds import crossed
from metering.core.prices.rating import Rate, amount_of
from metering.core.usage.buckets import NO_TOKENS, Buckets
from metering.core.usage.evidence import Evidence

#: Pages the head lists by number and slot. A query may lag behind a commit; what it leaves out of
#: these is read by id. Lag is seconds, so a few hundred commits are ample and stay under 5 KB.
RECENT_PAGES = 256
#: What a store keeps of an item beside its document.
ITEM_BYTES: Final = 250
#: How far ahead of the clock a ledger's time may be. Windows and holds end a day after their time,
#: so that an hour does no harm; beyond it they are counted again.
MAX_AHEAD: Final = HOUR


type Flags = tuple[bool, bool, bool, bool, bool, bool, bool, bool]
"""Whether a request is not billable, unpriced, missing, counted from a log, from a cache, recovered
from a log, estimated, and a sum over many requests."""
#: Looked up once: a member of an enumeration costs as much as a small function.
_USAGE: Final = Kind.USAGE
_FULL: Final = Evidence.FULL
#: The flags of a request charged in full detail: nearly all are.
_PLAIN: Final[Flags] = (False,) * 8


class RateTotals(NamedTuple):
    """The totals of one rate. Its amount is tokens times the rate's unit prices."""

    requests: int = 0
    not_billable: int = 0
    unpriced: int = 0
    missing: int = 0
    tokens: Buckets = NO_TOKENS
    totals_only: int = 0
    """Requests counted from a log, which may not distinguish cached tokens from others."""
    from_cache: int = 0
    """Requests that are not billable because a cache of the gateway answered them."""
    recovered: int = 0
    """Those of `totals_only` that no policy reported."""
    estimated: int = 0
    aggregates: int = 0
    """Entries that each sum many requests."""

    @property
    def by_basis(self) -> dict[Basis, int]:
        """The number of billable requests by what their counts are taken from."""
        known = self.requests - self.not_billable - self.missing
        return {
            Basis.FULL: known - self.totals_only - self.estimated - self.aggregates,
            Basis.TOTALS: self.totals_only - self.recovered,
            Basis.RECOVERED: self.recovered,
            Basis.ESTIMATED: self.estimated,
            Basis.AGGREGATE: self.aggregates,
            Basis.MISSING: self.missing,
        }

    @property
    def is_unknown(self) -> bool:
        """Say whether no request has a known amount although some must have one."""
        unknown = self.unpriced + self.missing
        return unknown > 0 and unknown + self.not_billable == self.requests

    def plus(self, other: "RateTotals") -> "RateTotals":
        """Return the sum of both."""
        return RateTotals(
            self.requests + other.requests,
            self.not_billable + other.not_billable,
            self.unpriced + other.unpriced,
            self.missing + other.missing,
            tuple(map(add, self.tokens, other.tokens)),
            self.totals_only + other.totals_only,
            self.from_cache + other.from_cache,
            self.recovered + other.recovered,
            self.estimated + other.estimated,
            self.aggregates + other.aggregates,
        )

    def negated(self) -> "RateTotals":
        """Return the totals that cancel these."""
        return RateTotals(
            -self.requests,
            -self.not_billable,
            -self.unpriced,
            -self.missing,
            tuple(-count for count in self.tokens),
            -self.totals_only,
            -self.from_cache,
            -self.recovered,
            -self.estimated,
            -self.aggregates,
        )


NOTHING = RateTotals()


@dataclass(frozen=True, slots=True)
class Head:
    """The projection of one ledger's pages."""

    ledger: LedgerId
    pages: int = 0
    entries: int = 0
    last_hash: str = GENESIS
    committed: Instant = 0
    """The time at which the last page was written; 0 before the first."""
    recent: tuple[tuple[int, Slot], ...] = ()
    lines: Mapping[Rate, RateTotals] = field(default_factory=dict)
    holds: Mapping[Slot, Holds] = field(default_factory=dict)
    counts: Counts = NO_COUNTS
    """The quotas of the ledger, and how much of each is used."""
    diagnostics: Diagnostics = NOTHING_ELSE
    segments: tuple[int, ...] = ()
    """The first page of each segment after the first."""
    segment_bytes: int = field(default=0, compare=False)
    """Bytes of the pages of the last segment; an estimate for ledgers of earlier versions."""

    def segment_of(self, number: int) -> int:
        """Return the number of the segment that has a page, or will have it; 1 for the first."""
        return 1 + sum(first <= number for first in self.segments)

    @property
    def position(self) -> Position:
        """The position of the last page."""
        return Position(self.pages, self.last_hash)

    def is_ahead(self, now: Instant) -> bool:
        """Say whether a process with a wrong clock has moved the ledger's time ahead of now."""
        return self.committed > now + MAX_AHEAD

    @property
    def next_at(self) -> Instant | None:
        """The time at which the first holds expire, which changes the head without a commit."""
        return lapse_of(min(self.holds)) if self.holds else None

    @property
    def amount(self) -> Amount:
        """The sum of all priced lines."""
        return sum(amount_of(rate, line.tokens) or 0 for rate, line in self.lines.items())


def fold(head: Head, pages: Iterable[Page]) -> Head:
    """Return the head after `pages`, in their order; the head given is not changed."""
    for page in pages:
        head = _fold_page(head, page)
    return head


def follow(head: Head, pages: Iterable[Page]) -> Head:
    """Return the head after the pages that follow it. Raises LedgerBroken if the chain breaks."""
    links = Chain(head.ledger, head.position)
    for page in pages:
        links.follow(page)
        head = _fold_page(head, page)
    return head


def _fold_page(head: Head, page: Page) -> Head:
    lines = _fold_lines(head.lines, page.entries)
    counted_again = None if page.change is None else page.change.holds
    holds = fold_holds(head.holds if counted_again is None else counted_again, page)
    recent = (*head.recent, (page.number, page.slot))[-RECENT_PAGES:]
    return Head(
        head.ledger,
        pages=page.number,
        entries=head.entries + len(page.entries),
        last_hash=page.hash,
        committed=page.committed,
        recent=recent,
        lines=lines,
        holds=holds,
        counts=_fold_counts(head, page),
        diagnostics=head.diagnostics.plus(page.diagnostics),
        segments=(*head.segments, page.number + 1) if page.closes else head.segments,
        segment_bytes=0 if page.closes else head.segment_bytes + page.size + ITEM_BYTES,
    )


def _fold_counts(head: Head, page: Page) -> Counts:
    counts = head.counts if page.change is None else changed(head.counts, page.change)
    start = head.ledger.start
    counts = counted(counts, page.slot, page.entries, page.committed, start)
    return crossed(counts, page.committed, start)


def _fold_lines(
    before: Mapping[Rate, RateTotals], entries: Iterable[Entry]
) -> dict[Rate, RateTotals]:
    """Add the entries' totals; summing by rate first makes an entry cheap."""
    counted: defaultdict[tuple[int, Flags], list[Buckets]] = defaultdict(list)
    charged: defaultdict[int, list[Buckets]] = defaultdict(list)
    rates: dict[int, Rate] = {}
    changes: list[tuple[Rate, RateTotals]] = []
    for entry in entries:
        state = entry.state
        kind, evidence, _, rate, buckets, amount = state
        if kind is _USAGE and entry.supersedes is None:
            if amount and evidence is _FULL:
                charged[id(rate)].append(buckets)
            else:
                counted[id(rate), _flags(state)].append(buckets)
            rates[id(rate)] = rate
            continue
        changes.extend(
            (changed.rate, totals_of(changed, sign)) for changed, _, sign in entry.changes()
        )
    changes.extend((rates[key], _sum(_PLAIN, rows)) for key, rows in charged.items())
    changes.extend((rates[key], _sum(flags, rows)) for (key, flags), rows in counted.items())
    lines = dict(before)
    for rate, change in changes:
        total = lines.get(rate, NOTHING).plus(change)
        if total == NOTHING:
            lines.pop(rate, None)
        else:
            lines[rate] = total
    return lines


def _sum(flags: Flags, rows: list[Buckets]) -> RateTotals:
    """Return the totals of several requests that differ only in their tokens."""
    requests = len(rows)
    tokens = rows[0] if requests == 1 else tuple(map(sum, zip(*rows, strict=True)))
    not_billable, unpriced, missing, *others = (requests * flag for flag in flags)
    return RateTotals(requests, not_billable, unpriced, missing, tokens, *others)


def _flags(state: State) -> Flags:
    basis = state.basis
    return (
        not state.is_billable,
        state.is_unpriced,
        state.is_missing,
        state.is_totals_only,
        state.is_from_cache,
        basis is Basis.RECOVERED,
        basis is Basis.ESTIMATED,
        basis is Basis.AGGREGATE,
    )


def totals_of(state: State, sign: int = 1) -> RateTotals:
    """Return the totals that a state adds, or takes away if `sign` is -1.

    Holds and outcomes are not usage: they add nothing.
    """
    if not state.is_usage:
        return NOTHING
    line = _sum(_flags(state), [state.buckets])
    return line if sign > 0 else line.negated()


def fold_holds(before: Mapping[Slot, Holds], page: Page) -> Mapping[Slot, Holds]:
    """Open and settle the page's holds; all holds of a slot expire a day after its end."""
    holds = {slot: open_ for slot, open_ in before.items() if lapse_of(slot) > page.committed}
    concerned = [
        entry
        for entry in page.entries
        if entry.supersedes is not None or entry.state.kind is Kind.HOLD
    ]
    if not holds and not concerned:
        return holds
    lapsed = lapse_of(page.slot) <= page.committed
    for state, _, sign in chain.from_iterable(entry.changes() for entry in concerned):
        if state.is_hold and not lapsed and (sign > 0 or page.slot in holds):
            holds[page.slot] = holds.get(page.slot, Holds()).plus(state, sign)
    return {slot: open_ for slot, open_ in holds.items() if open_.requests}
