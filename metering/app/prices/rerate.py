"""Rate a ledger's entries again: corrections for unpriced entries and superseded prices."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from metering.app.ledger.committer import Committer
from metering.app.ledger.one_by_one import OneByOne
from metering.app.ledger.reading import head_of, pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry
from metering.core.ledger.rerating import Candidates, Scope, as_usage, plan_rerating
from metering.ports import Alerts, Clock, LedgerStore

#: Corrections of one commit: half a page.
_CORRECTIONS_A_COMMIT: Final = 1_000
#: Corrections collected before they are written, to bound memory.
MAX_CANDIDATES: Final = 50_000
#: Runs after a change of prices, to catch usage rated before the change and committed after.
_LOOKS: Final = 3


class Repricing(NamedTuple):
    """The change for the entries of one model from one rate to another."""

    model: str | None
    before: str | None
    """The price row that rated them, with its version; None if they were unpriced."""
    after: str
    requests: int
    difference: Amount
    """The change of their amount; an unknown amount counts as zero."""


class Rerated(NamedTuple):
    """The changes found in one ledger, and the number of corrections written."""

    ledger: LedgerId
    repricings: tuple[Repricing, ...]
    corrected: int


@dataclass(slots=True, kw_only=True)
class Rerate:
    """The use case behind `metering prices rerate` and the timer `price_unpriced`."""

    ledgers: LedgerStore
    tenancy: Tenancy
    committer: Committer
    clock: Clock

    async def ledger(self, ledger: LedgerId, scope: Scope, *, dry_run: bool) -> Rerated:
        """Append the corrections that a ledger's entries need; with `dry_run` only return them.

        Safe to repeat and to cut off at any point: a corrected entry needs no correction.
        """
        await self.tenancy.refresh()
        changes: defaultdict[tuple[str | None, str | None, str], list[Amount]] = defaultdict(list)
        written = 0
        candidates = Candidates(self.tenancy.terms_book.rate, scope, self.clock.now())
        async for page in pages(self.ledgers, ledger):
            candidates.add(page)
            if len(candidates.found) >= MAX_CANDIDATES and not dry_run:
                written += await self._settle(ledger, candidates, changes)
        written += await self._settle(ledger, candidates, changes, dry_run=dry_run)
        repricings = (
            Repricing(model, before, after, len(differences), sum(differences))
            for (model, before, after), differences in changes.items()
        )
        ordered = sorted(repricings, key=lambda one: (one.model or "", one.before or "", one.after))
        return Rerated(ledger, tuple(ordered), written)

    async def _settle(
        self,
        ledger: LedgerId,
        candidates: Candidates,
        changes: defaultdict[tuple[str | None, str | None, str], list[Amount]],
        *,
        dry_run: bool = False,
    ) -> int:
        """Record the changes, and write the corrections found so far."""
        found, candidates.found = list(candidates.found.values()), {}
        for old, new in found:
            difference = (new.state.amount or 0) - (old.state.amount or 0)
            changes[new.state.rate.model, _row(old), _row(new) or ""].append(difference)
        if dry_run:
            return 0
        return await self._write(ledger, [old for old, _ in found])

    async def _write(self, ledger: LedgerId, entries: Sequence[Entry]) -> int:
        now, rate, written = self.clock.now(), self.tenancy.terms_book.rate, 0
        for part in _parts(entries):
            usages = [as_usage(entry, now) for entry in part]
            answer = await self.committer.commit(ledger, usages, rate, plan_rerating)
            written += answer.accepted
        return written


def _row(entry: Entry) -> str | None:
    rate = entry.state.rate
    return None if rate.version is None else f"{rate.row} ({rate.version})"


def _parts(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for first in range(0, len(entries), _CORRECTIONS_A_COMMIT):
        yield entries[first : first + _CORRECTIONS_A_COMMIT]


@dataclass(slots=True, kw_only=True)
class PriceUnpriced:
    """The use case behind the timer `price_unpriced`: prices entries once a price exists."""

    ledgers: LedgerStore
    tenancy: Tenancy
    rerate: Rerate
    alerts: Alerts
    _looked_at: int = field(init=False, default=-1)
    _looks: int = field(init=False, default=0)
    _left_out: set[LedgerId] = field(init=False, default_factory=set)
    """Ledgers that could not be read: looked at until they can."""

    async def run(self) -> int:
        """Price the entries that can be priced now, and return their number.

        It scans ledgers only after a change to prices, plans or deployments, and twice more for
        usage that was in flight at that moment.
        """
        await self.tenancy.refresh()
        version = self.tenancy.directory.pricing_version
        if version != self._looked_at:
            self._looked_at, self._looks = version, _LOOKS
        priced = 0
        one_by_one = OneByOne(self.alerts)
        for ledger in await self.ledgers.ledgers() if self._looks else sorted(self._left_out):
            self._left_out.add(ledger)
            with one_by_one.about(ledger):
                priced += await self._one(ledger)
                self._left_out.discard(ledger)
        one_by_one.settle()
        self._looks = max(0, self._looks - 1)
        return priced

    async def _one(self, ledger: LedgerId) -> int:
        head = await head_of(self.ledgers, ledger)
        if head is None or not any(line.unpriced for line in head.lines.values()):
            return 0
        return (await self.rerate.ledger(ledger, Scope.UNPRICED, dry_run=False)).corrected
