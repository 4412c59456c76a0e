"""Explain the requests of a ledger that have no price: by model and reason."""

from collections import defaultdict
from typing import NamedTuple

from metering.app.tenancy.tenancy import Tenancy
from metering.core.basics.instants import Instant
from metering.core.calendars.periods import LedgerId
from metering.core.ledger.entry import Entry
from metering.core.ledger.rerating import as_usage
from metering.core.usage.usage import EventKey
from metering.ports import Clock, LedgerStore


class Unpriced(NamedTuple):
    """Requests of one ledger that have no price for one reason."""

    ledger: LedgerId
    model: str | None
    reason: str
    requests: int
    last_seen: Instant


class ExplainUnpriced:
    """The use case behind `metering prices unpriced`."""

    def __init__(self, ledgers: LedgerStore, tenancy: Tenancy, clock: Clock) -> None:
        self._ledgers = ledgers
        self._tenancy = tenancy
        self._clock = clock

    async def ledger(self, ledger: LedgerId) -> list[Unpriced]:
        """Return why the requests of a ledger have no price, the most frequent reason first."""
        await self._tenancy.refresh()
        stored = await self._ledgers.read_head(ledger)
        if stored is None or not any(line.unpriced for line in stored.head.lines.values()):
            return []
        latest: dict[EventKey, Entry] = {}
        async for page in self._ledgers.pages(ledger):
            for entry in page.entries:
                latest.pop(entry.key, None)
                if entry.state.is_unpriced:
                    latest[entry.key] = entry
        return self._by_reason(ledger, list(latest.values()))

    def _by_reason(self, ledger: LedgerId, entries: list[Entry]) -> list[Unpriced]:
        groups: defaultdict[tuple[str | None, str], list[Instant]] = defaultdict(list)
        now, explain = self._clock.now(), self._tenancy.terms_book.why_unpriced
        for entry in entries:
            of = entry.state.dimensions
            reason = explain(as_usage(entry, now), entry.time)
            groups[of.model or of.deployment, reason].append(entry.time)
        found = (
            Unpriced(ledger, model, reason, len(times), max(times))
            for (model, reason), times in groups.items()
        )
        return sorted(found, key=lambda one: (-one.requests, one.model or "", one.reason))
