"""Rate a ledger's entries again: what was unpriced or has been superseded gets corrections."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from metering.app.ledger.committer import Committer
from metering.app.ledger.reading import head_of, pages
from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.errors import LedgerBroken
from metering.core.basics.money import Amount
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry
from metering.core.ledger.rerating import Candidates, Scope, as_usage, plan_rerating
from metering.ports import Alerts, Clock, LedgerStore

#: Corrections of one commit: half a page.
_CORRECTIONS_A_COMMIT: Final = 1_000
#: Corrections found before they are written and the search goes on, so that memory stays bounded.
MAX_CANDIDATES: Final = 50_000
#: Looks after a change of prices, for usage that was rated just before it and committed after.
_LOOKS: Final = 3


class Repricing(NamedTuple):
    """What re-rating changes for the entries of one model that change from one rate to another."""

    model: str | None
    before: str | None
    """The price row that they were rated by, with its version; None: they were unpriced."""
    after: str
    requests: int
    difference: Amount
    """By how much their amount changes; an unknown amount counts as nothing here."""


class Rerated(NamedTuple):
    """What re-rating one ledger found, and how many corrections were written."""

    ledger: LedgerId
    repricings: tuple[Repricing, ...]
    corrected: int


class Rerate:
    """The use case behind `metering prices rerate`, and behind the timer for the unpriced."""

    def __init__(
        self, *, ledgers: LedgerStore, tenancy: Tenancy, committer: Committer, clock: Clock
    ) -> None:
        self._ledgers = ledgers
        self._tenancy = tenancy
        self._committer = committer
        self._clock = clock

    async def ledger(self, ledger: LedgerId, scope: Scope, *, dry_run: bool) -> Rerated:
        """Append the corrections that a ledger's entries need; with `dry_run` only say which.

        Safe to repeat, and to cut off at any point: what is corrected already needs nothing more.
        """
        await self._tenancy.refresh()
        changes: defaultdict[tuple[str | None, str | None, str], list[Amount]] = defaultdict(list)
        written = 0
        candidates = Candidates(self._tenancy.terms_book.rate, scope, self._clock.now())
        async for page in pages(self._ledgers, ledger):
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
        """Note what changes, and write the corrections found so far."""
        found, candidates.found = list(candidates.found.values()), {}
        for old, new in found:
            difference = (new.state.amount or 0) - (old.state.amount or 0)
            changes[new.state.rate.model, _row(old), _row(new) or ""].append(difference)
        if dry_run:
            return 0
        return await self._write(ledger, [old for old, _ in found])

    async def _write(self, ledger: LedgerId, entries: Sequence[Entry]) -> int:
        now, rate, written = self._clock.now(), self._tenancy.terms_book.rate, 0
        for part in _parts(entries):
            usages = [as_usage(entry, now) for entry in part]
            answer = await self._committer.commit(ledger, usages, rate, plan_rerating)
            written += answer.accepted
        return written


def _row(entry: Entry) -> str | None:
    rate = entry.state.rate
    return None if rate.version is None else f"{rate.row} ({rate.version})"


def _parts(entries: Sequence[Entry]) -> Iterator[Sequence[Entry]]:
    for first in range(0, len(entries), _CORRECTIONS_A_COMMIT):
        yield entries[first : first + _CORRECTIONS_A_COMMIT]


class PriceUnpriced:
    """The use case behind the timer `price_unpriced`: a price that has come prices what waited."""

    def __init__(
        self, *, ledgers: LedgerStore, tenancy: Tenancy, rerate: Rerate, alerts: Alerts
    ) -> None:
        self._ledgers = ledgers
        self._tenancy = tenancy
        self._rerate = rerate
        self._alerts = alerts
        self._looked_at = -1
        self._looks = 0

    async def run(self) -> int:
        """Price the entries that can be priced now, and return how many.

        Ledgers are looked through only when something that decides a price has changed since this
        process last did, and twice more for what was on its way at that moment.
        """
        await self._tenancy.refresh()
        version = self._tenancy.directory.pricing_version
        if version != self._looked_at:
            self._looked_at, self._looks = version, _LOOKS
        if not self._looks:
            return 0
        priced = 0
        for ledger in await self._ledgers.ledgers():
            try:
                priced += await self._one(ledger)
            except LedgerBroken as fault:
                # It waits until it is mended; the others do not wait with it.
                self._alerts.alert(str(fault))
        self._looks -= 1
        return priced

    async def _one(self, ledger: LedgerId) -> int:
        head = await head_of(self._ledgers, ledger)
        if head is None or not any(line.unpriced for line in head.lines.values()):
            return 0
        return (await self._rerate.ledger(ledger, Scope.UNPRICED, dry_run=False)).corrected
